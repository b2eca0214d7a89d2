"""Every durable fact and each guarded statement that changes one: SQL, written once."""
