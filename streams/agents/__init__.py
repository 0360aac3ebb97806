"""One Faust agent a flow."""
