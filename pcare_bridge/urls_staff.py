from django.urls import path

from pcare_bridge import views_accounts, views_files, views_reconciliation, views_repair, views_staff

app_name = "pcare"
urlpatterns = [
    path("dinkes/pcare/", views_staff.queue, name="queue"),
    path("dinkes/pcare/cari/", views_staff.search, name="search"),
    path("dinkes/pcare/kirim-ulang/", views_staff.retry_class, name="retry_class"),
    path("dinkes/pcare/jeda/", views_staff.stop, name="stop"),
    path("dinkes/pcare/akun/", views_accounts.accounts, name="accounts"),
    path("dinkes/pcare/akun/<int:account_id>/", views_accounts.account, name="account"),
    path("dinkes/pcare/akun/<int:account_id>/satusehat/", views_accounts.satusehat, name="satusehat"),
    path("dinkes/pcare/sakelar/", views_staff.switch, name="switch"),
    path("dinkes/pcare/akun/<int:account_id>/lanjutkan/", views_accounts.resume, name="resume"),
    path("dinkes/pcare/berkas/", views_files.batches, name="batches"),
    path("dinkes/pcare/berkas/<uuid:batch_id>/", views_files.batch, name="batch"),
    path("dinkes/pcare/berkas/<uuid:batch_id>/setujui/", views_files.approve, name="approve_batch"),
    path("dinkes/pcare/berkas/<uuid:batch_id>/unduh/", views_files.download, name="download_batch"),
    path("dinkes/pcare/pencocokan/", views_reconciliation.day, name="reconciliation"),
    path("dinkes/pcare/pencocokan/surat/", views_reconciliation.letter_pdf, name="letter"),
    path("dinkes/pcare/pencocokan/jalankan/", views_reconciliation.run, name="reconcile"),
    path("dinkes/pcare/pencocokan/<int:difference_id>/kirim-ulang/", views_reconciliation.resend, name="resend"),
    path("dinkes/pcare/<uuid:delivery_id>/", views_staff.detail, name="detail"),
    path("dinkes/pcare/<uuid:delivery_id>/kirim-ulang/", views_staff.retry, name="retry"),
    path("dinkes/pcare/<uuid:delivery_id>/serahkan/", views_staff.hand_over, name="hand_over"),
    path("dinkes/pcare/<uuid:delivery_id>/dilaporkan/", views_staff.mark_reported, name="mark_reported"),
    path("petugas/kunjungan/<uuid:public_id>/lengkapi/", views_repair.complete, name="complete"),
    path("petugas/kiriman/<uuid:delivery_id>/", views_repair.mend, name="mend"),
]
