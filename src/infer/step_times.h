// Where the time of inference goes, for benchmarks: seconds by kind of work, added up by whoever does it. Without a
// StepTimes nothing is measured.
#pragma once
#include <chrono>

namespace faqsmith {

inline double steady_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct StepTimes {
  double products = 0;   // of the layers
  double head = 0;       // the product with the LM head
  double attention = 0;  // with the cache's writing and reading
  double pointwise = 0;  // norms, RoPE, SwiGLU, embedding, copies
  double sampling = 0;
  double (*now_s)() = steady_s;
};

// Adds the time until its end to one field.
class Timed {
 public:
  Timed(StepTimes* times, double StepTimes::*field)
      : times_(times), field_(field), start_s_(times ? times->now_s() : 0) {}
  ~Timed() {
    if (times_) times_->*field_ += times_->now_s() - start_s_;
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  StepTimes* times_;
  double StepTimes::*field_;
  double start_s_;
};

}  // namespace faqsmith
