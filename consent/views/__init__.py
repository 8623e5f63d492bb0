"""Pages of consent: forms, signatures, wishes, suppressions, rules."""
