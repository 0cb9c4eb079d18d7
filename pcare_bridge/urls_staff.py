from django.urls import path

from pcare_bridge.views import accounts, files, queue, reconciliation, repair

app_name = "pcare"
urlpatterns = [
    path("dinkes/pcare/", queue.queue, name="queue"),
    path("dinkes/pcare/cari/", queue.search, name="search"),
    path("dinkes/pcare/kirim-ulang/", queue.retry_class, name="retry_class"),
    path("dinkes/pcare/jeda/", queue.stop, name="stop"),
    path("dinkes/pcare/akun/", accounts.accounts, name="accounts"),
    path("dinkes/pcare/akun/<int:account_id>/", accounts.account, name="account"),
    path("dinkes/pcare/akun/<int:account_id>/satusehat/", accounts.satusehat, name="satusehat"),
    path("dinkes/pcare/sakelar/", queue.switch, name="switch"),
    path("dinkes/pcare/akun/<int:account_id>/lanjutkan/", accounts.resume, name="resume"),
    path("dinkes/pcare/berkas/", files.batches, name="batches"),
    path("dinkes/pcare/berkas/<uuid:batch_id>/", files.batch, name="batch"),
    path("dinkes/pcare/berkas/<uuid:batch_id>/setujui/", files.approve, name="approve_batch"),
    path("dinkes/pcare/berkas/<uuid:batch_id>/unduh/", files.download, name="download_batch"),
    path("dinkes/pcare/pencocokan/", reconciliation.day, name="reconciliation"),
    path("dinkes/pcare/pencocokan/surat/", reconciliation.letter_pdf, name="letter"),
    path("dinkes/pcare/pencocokan/jalankan/", reconciliation.run, name="reconcile"),
    path("dinkes/pcare/pencocokan/<int:difference_id>/kirim-ulang/", reconciliation.resend, name="resend"),
    path("dinkes/pcare/<uuid:delivery_id>/", queue.detail, name="detail"),
    path("dinkes/pcare/<uuid:delivery_id>/kirim-ulang/", queue.retry, name="retry"),
    path("dinkes/pcare/<uuid:delivery_id>/serahkan/", queue.hand_over, name="hand_over"),
    path("dinkes/pcare/<uuid:delivery_id>/dilaporkan/", queue.mark_reported, name="mark_reported"),
    path("petugas/kunjungan/<uuid:public_id>/lengkapi/", repair.complete, name="complete"),
    path("petugas/kiriman/<uuid:delivery_id>/", repair.mend, name="mend"),
]
