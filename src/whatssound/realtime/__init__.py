"""Topics that programs make up themselves: broadcast, presence, who may do what, and what is kept of them."""
