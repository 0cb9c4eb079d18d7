"""Recount, folding and new doses at the same time."""

import threading

import pytest
from django.db import connection

from core import outbox
from reporting import checks, services
from tests.factories.doses import make_dose
from tests.factories.reference import load_reference


@pytest.mark.django_db(transaction=True)
def test_a_recount_in_the_middle_of_the_work_neither_loses_nor_doubles():
    load_reference()
    ready, failures = threading.Barrier(4), []

    def work(job):
        try:
            ready.wait(120)
            for _ in range(6):
                job()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    jobs = [make_dose, lambda: outbox.drain(services.CONSUMER), services.fold, services.recount]
    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    while outbox.drain(services.CONSUMER):
        pass
    services.fold()
    assert checks.different_cells() == 0
