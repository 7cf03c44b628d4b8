"""The hands: everything with an effect, behind one gate."""
