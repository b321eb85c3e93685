// Loops over all cores. OpenMP underneath, because oneDNN uses its threads too: one team, no oversubscription.
#pragma once
#include <cstdint>
#include <functional>

namespace faqsmith {

[[nodiscard]] int n_threads();    // size of the team
void set_n_threads(int threads);  // before the first loop; 0 = all cores this process may use
// Makes threads that wait sleep soon. By default they spin for about 18 ms at every barrier, which stops a machine that
// does anything else beside (2 cores at a load of 12: a training step took 44 s instead of 2.4 s). The runtime reads
// the setting before main, so this restarts the program once with GOMP_SPINCOUNT set. Returns at once if the user has
// set that or OMP_WAIT_POLICY, or if restarting fails. For main, before anything else.
void shorten_waiting(char** argv);

// Calls body(begin, end) on disjoint ranges that cover [0, n). The cut depends only on n and the team's size, so
// results are reproducible. body must not throw.
void parallel_for(std::int64_t n, const std::function<void(std::int64_t begin, std::int64_t end)>& body);
// Calls body(i) for each i, handed out one by one: for items of uneven cost. Results must not depend on the order.
void parallel_each(std::int64_t n, const std::function<void(std::int64_t i)>& body);

}  // namespace faqsmith
