"""A real Apache Kafka and PostgreSQL without Docker, Java or root."""
