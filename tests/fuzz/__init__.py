"""`make fuzz`: requests and texts that no one would think of. `make test` doesn't collect them."""
