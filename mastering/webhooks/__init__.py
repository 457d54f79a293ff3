"""Webhooks: others are told what happened, at least once, by signed messages (standardwebhooks.com).

target    where a message goes: URLs, and addresses that nobody is sent to
signing   secrets and signatures
message   Message: what is told
outbox    Outbox: messages that are recorded before they are sent, in SQLite
post      one try, at an address that was checked
sender    Sender: sends what is due, tries again, gives up
"""
