"""The one door to state: position, inbox, cases, facts, tasks and outbound rows in one transaction."""
