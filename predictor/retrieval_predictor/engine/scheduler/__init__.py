"""Which waiting work shares the next forward pass, and how its rows find their way back."""
