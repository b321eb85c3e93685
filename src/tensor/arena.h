// Memory for many blocks that live as long as each other: cut one behind the other from slabs with huge pages, which a
// block of less than 4 MB would not get for itself. Not thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace faqsmith {

class Arena {
 public:
  // Slabs have slab_bytes, or as much as one block asks for; what no block took of a slab is never touched.
  explicit Arena(std::size_t slab_bytes) : slab_bytes_(slab_bytes) {}
  // 64-byte aligned, zeroed. Throws Error(Device) if there is not enough.
  [[nodiscard]] std::uint8_t* take(std::size_t bytes);

 private:
  struct Free {
    void operator()(std::uint8_t* p) const { std::free(p); }
  };
  std::size_t slab_bytes_;
  std::vector<std::unique_ptr<std::uint8_t, Free>> slabs_;
  std::size_t left_ = 0;  // bytes at the end of the last slab
  std::uint8_t* next_ = nullptr;
};

}  // namespace faqsmith
