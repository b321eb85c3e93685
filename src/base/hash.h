// Hashes: SHA-256 (OpenSSL) where a file's identity matters, XXH3 (xxhash) where only speed and spread do.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace faqsmith {

[[nodiscard]] std::string sha256_hex(std::string_view bytes);  // 64 lower-case hexadecimal digits
[[nodiscard]] std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

// SHA-256 of a stream.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::string_view bytes);
  [[nodiscard]] std::string hex();  // ends the stream

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace faqsmith
