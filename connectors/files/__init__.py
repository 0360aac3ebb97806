"""Files by SFTP or the like: a folder a party, each file sent to the gateway and answered line by line."""
