"""The part of OpenSearch's HTTP interface that InvenioRDM uses, in memory; the standard library alone.

Documents are found by going through all of them, which is enough for some thousand. There is no analysis by
mapping, no score and no shard: a word matches a word, whatever its case, and hits come in the order asked for.
"""
