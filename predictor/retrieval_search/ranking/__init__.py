"""What decides an order: the fusion of ranked lists, and the filter on what may be in one."""
