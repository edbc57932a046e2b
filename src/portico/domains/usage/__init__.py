"""Usage folds the gateways' journals into call records, budget use and analytics, exactly once by position.

Who writes: gateways append lines to their own journal, nobody else. Who reads: the folder, in `control`.
Invariants: a line is counted once, whatever dies when; a reservation without its call lapses at full price.
"""
