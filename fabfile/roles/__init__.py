"""What each kind of machine should have: pure functions from the rack and one machine to its resources."""
