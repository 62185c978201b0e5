"""Run planned components on this machine as local processes, with the cluster's environment."""
