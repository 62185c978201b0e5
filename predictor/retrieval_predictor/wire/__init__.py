"""What the processes of a predictor say to one another: frames, jobs, the card, who lives."""
