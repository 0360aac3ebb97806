"""One message of each type as JSON, structured mode; everybody in them is made up."""
