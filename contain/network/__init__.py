"""Networks for fixtures: a bridge in a namespace of its own, members with names and addresses, and faults between them."""
