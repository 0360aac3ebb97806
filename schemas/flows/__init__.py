"""One pydantic model for the data of each flow."""
