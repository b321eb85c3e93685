// What the tests of ops share: seeded inputs, conversion to double, a table of tolerances and central differences.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "tensor/buffer.h"

namespace faqsmith::op_test {

// Relative to the largest magnitude of the expected values. bf16 keeps 8 significant bits (2^-9 a rounding); products
// and sums are float32 in both.
template <class T>
inline constexpr double kTolerance = sizeof(T) == 2 ? 1.2e-2 : 2e-5;

template <class T>
Buffer<T> random_buffer(Shape shape, Rng& rng, double scale = 1.0) {
  Buffer<T> out(shape);
  for (std::int64_t i = 0; i < out.size(); ++i) out[i] = from_float<T>(static_cast<float>(scale * rng.normal()));
  return out;
}

// Results are poisoned first, so that an element nobody writes shows.
template <class T>
Buffer<T> poisoned(Shape shape) {
  Buffer<T> out(shape);
  for (std::int64_t i = 0; i < out.size(); ++i) out[i] = from_float<T>(std::nanf(""));
  return out;
}

template <class T>
std::vector<double> to_double(const Buffer<T>& x) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < x.size(); ++i) out.push_back(to_float(x[i]));
  return out;
}

inline void expect_near(const std::vector<double>& got, const std::vector<double>& want, double tolerance,
                        const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double largest = 1e-6;
  for (double w : want) largest = std::max(largest, std::abs(w));
  for (std::size_t i = 0; i < want.size(); ++i) {
    ASSERT_FALSE(std::isnan(got[i])) << what << " element " << i << " was not written";
    ASSERT_NEAR(got[i], want[i], tolerance * largest) << what << " element " << i << " of " << want.size();
  }
}

// d loss / d x by central differences in double; loss reads x.
inline std::vector<double> finite_differences(std::vector<double> x,
                                              const std::function<double(const std::vector<double>&)>& loss,
                                              double step = 1e-5) {
  std::vector<double> gradient(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double keep = x[i];
    x[i] = keep + step;
    const double up = loss(x);
    x[i] = keep - step;
    const double down = loss(x);
    x[i] = keep;
    gradient[i] = (up - down) / (2 * step);
  }
  return gradient;
}

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace faqsmith::op_test
