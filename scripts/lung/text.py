"""The texts of the study: what patients were shown, and what the ethics committee decided."""

CONSENT_TEXT = """\
Your data and research

Your hospital keeps notes about your illness. Researchers can learn from them. You decide who may use them, and how.

You can say yes to everything, or only to some things: research on your illness alone, no use to make money, no use of
your genes, only some ways of computing, or only for some time. You can also say no to a hospital or a study.

Researchers do not get your notes to read. They compute on them in a protected way, and each use is written down. You
can look up who used your data at any time, and also who tried and was refused.

You can take your yes back at any time, without a reason, and nothing changes in how you are treated. From that moment
no new use is allowed. What was computed before stays as it is.
"""

ETHICS_DECISION = """\
Ethics committee, decision 1994-LUNG-01: age and one-year survival in advanced lung cancer, by differentially private
statistics on consenting patients. Approved.
"""

STUDY_TITLE = "Age and one-year survival in advanced lung cancer"
