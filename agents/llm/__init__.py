"""Models: providers, the router that picks one, and the gateway that is the only code that calls one."""
