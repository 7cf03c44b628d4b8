"""The front door: Chainlit in the browser, and the terminal."""
