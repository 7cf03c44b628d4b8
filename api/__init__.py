"""The side door: the FastAPI application, its guard and its health pages."""
