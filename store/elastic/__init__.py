"""What the store in an Elasticsearch cluster is made of; store/elasticsearch.py puts it together."""
