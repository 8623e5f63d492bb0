"""What is said, to whom and when: templates, campaigns, approval, reports."""
