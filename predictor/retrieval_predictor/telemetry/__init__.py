"""What a predictor tells about itself: metrics of all its processes, and log lines."""
