"""An index on disk: versions side by side, each a folder of files that processes map and share."""
