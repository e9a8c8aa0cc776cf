"""The works that a text of methods refers to by naming a method or a program."""

from __future__ import annotations

WORKS = {
    "Barron and White": (
        "Barron, J., and White, D. (2025). Too Big to Think: Capacity, Memorization, and Generalization in "
        "Pre-Trained Transformers. arXiv 2506.09099v2.",
    ),
    "Transformer": ("Vaswani, A., et al. (2017). Attention Is All You Need. NeurIPS 30.",),
    "nanoGPT": ("Karpathy, A. (2022). nanoGPT. github.com/karpathy/nanoGPT.",),
    "GELU": ("Hendrycks, D., and Gimpel, K. (2016). Gaussian Error Linear Units (GELUs). arXiv 1606.08415.",),
    "AdamW": ("Loshchilov, I., and Hutter, F. (2019). Decoupled Weight Decay Regularization. ICLR.",),
    "PyTorch": (
        "Paszke, A., et al. (2019). PyTorch: An Imperative Style, High-Performance Deep Learning Library. NeurIPS 32.",
    ),
    "Numba": (
        "Lam, S. K., Pitrou, A., and Seibert, S. (2015). Numba: A LLVM-based Python JIT Compiler. Proceedings"
        " of the Second Workshop on the LLVM Compiler Infrastructure in HPC.",
    ),
    "Clopper-Pearson": (
        "Clopper, C. J., and Pearson, E. S. (1934). The Use of Confidence or Fiducial Limits Illustrated in "
        "the Case of the Binomial. Biometrika 26(4), 404-413.",
    ),
    "bootstrap": (
        "Efron, B. (1979). Bootstrap Methods: Another Look at the Jackknife. Annals of Statistics 7(1), 1-26.",
    ),
    "permutation": (
        "Phipson, B., and Smyth, G. K. (2010). Permutation P-values Should Never Be Zero. Statistical "
        "Applications in Genetics and Molecular Biology 9(1), 39.",
    ),
    "Cochran-Armitage": (
        "Cochran, W. G. (1954). Some Methods for Strengthening the Common Chi-squared Tests. Biometrics "
        "10(4), 417-451.",
        "Armitage, P. (1955). Tests for Linear Trends in Proportions and Frequencies. Biometrics 11(3), 375-386.",
    ),
    "Jonckheere-Terpstra": (
        "Jonckheere, A. R. (1954). A Distribution-Free k-Sample Test Against Ordered Alternatives. Biometrika"
        " 41(1/2), 133-145.",
        "Terpstra, T. J. (1952). The Asymptotic Normality and Consistency of Kendall's Test Against Trend, "
        "When Ties Are Present in One Ranking. Indagationes Mathematicae 14, 327-333.",
    ),
    "Kendall's tau-b": (
        "Kendall, M. G. (1945). The Treatment of Ties in Ranking Problems. Biometrika 33(3), 239-251.",
    ),
    "Fisher's exact test": (
        "Fisher, R. A. (1935). The Logic of Inductive Inference. Journal of the Royal Statistical Society "
        "98(1), 39-82.",
    ),
    "TOST": (
        "Schuirmann, D. J. (1987). A Comparison of the Two One-Sided Tests Procedure and the Power Approach "
        "for Assessing the Equivalence of Average Bioavailability. Journal of Pharmacokinetics and "
        "Biopharmaceutics 15(6), 657-680.",
        "Miettinen, O., and Nurminen, M. (1985). Comparative Analysis of Two Rates. Statistics in Medicine "
        "4(2), 213-226.",
    ),
    "intersection-union": (
        "Berger, R. L. (1982). Multiparameter Hypothesis Testing and Acceptance Sampling. Technometrics "
        "24(4), 295-300.",
    ),
    "Holm": (
        "Holm, S. (1979). A Simple Sequentially Rejective Multiple Test Procedure. Scandinavian Journal of "
        "Statistics 6(2), 65-70.",
    ),
    "Kaplan-Meier": (
        "Kaplan, E. L., and Meier, P. (1958). Nonparametric Estimation from Incomplete Observations. Journal "
        "of the American Statistical Association 53(282), 457-481.",
        "Fay, M. P., Brittain, E. H., and Proschan, M. A. (2013). Pointwise Confidence Intervals for a "
        "Survival Distribution with Small Samples or Heavy Censoring. Biostatistics 14(4), 723-736.",
    ),
}
"""The works behind each method and program, by the name that a text has for it."""


def references(text: str) -> list[str]:
    """Return the works behind the methods and programs that a text names, by author."""
    return sorted(work for name, works in WORKS.items() if name in text for work in works)
