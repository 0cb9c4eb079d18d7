"""The embedded servers, as the tests themselves use them."""

import os


def test_redis_answers(redis_client):
    assert redis_client.ping()


def test_postgres_is_eighteen_and_not_root():
    import environ
    import psycopg2

    config = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    with psycopg2.connect(host=config["HOST"], user=config["USER"], dbname=config["NAME"]) as connection:
        assert connection.server_version // 10000 == 18
