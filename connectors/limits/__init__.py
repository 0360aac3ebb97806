"""What one system may ask of the gateway: how often, and how much at a time."""
