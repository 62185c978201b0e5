"""The half of an operator that is the same for every kind of object.

A reflector (kopf's watch) fills a store, an informer keeps it true, a workqueue says which object
is due, a leader whether this replica writes, and a controller passes over one object after another.
What a pass does is the one thing that comes from outside: `Reconcile`, a callable on a key.
Nothing here knows what the objects mean.
"""
