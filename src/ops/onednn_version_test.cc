// The version is three numbers.
#include "ops/onednn_version.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace faqsmith {
namespace {

TEST(OnednnVersion, IsThreeNumbers) {
  const std::string version = onednn_version();
  EXPECT_EQ(std::count(version.begin(), version.end(), '.'), 2) << version;
}

}  // namespace
}  // namespace faqsmith
