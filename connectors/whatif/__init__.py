"""Two rule sets over a file or a ledger of any size: partitions, two processes, bounded memory."""
