// Panels (quant_layout.h) times many rows of x on AMX's bf16 tiles: a panel's values are decoded to bf16, a slab at a
// time in the cache, and multiplied with all rows. Decoding costs about as much as 60 rows; few rows are faster in 8
// bits. So both weights and x are rounded to bf16, as in a product with packed bf16 weights.
#pragma once
#include <cstdint>

#include "ops/cpu/quant_layout.h"

namespace faqsmith::quant {

[[nodiscard]] bool amx_ready();

constexpr std::int64_t kSlabChunks = 8;  // that are in the cache together

// Rows of x as A tiles. Up to 16 rows are one tile, filled up with zeros to a power of two; more are tiles of 16.
struct TileRows {
  std::int64_t rows = 0;
  Buffer<bf16> values;  // [slab][tile][chunk][row of the tile][32]

  [[nodiscard]] std::int64_t tile_rows() const {
    return rows >= kPanelRows ? kPanelRows : static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(rows)));
  }
  [[nodiscard]] std::int64_t tiles() const { return (rows + tile_rows() - 1) / tile_rows(); }
  // Where a tile's part of the slab from `chunk` on lies, which has n chunks; in values.
  [[nodiscard]] std::int64_t at(std::int64_t chunk, std::int64_t n, std::int64_t tile) const {
    return (chunk * tiles() + tile * n) * tile_rows() * kChunk;
  }
};

// Grows the buffer as needed. After amx_ready().
template <class T>
void lay_out(In<T> x, TileRows& out);  // float, bf16

// A thread's tiles and memory for the panels of one part times x. After amx_ready(), on the thread that made it.
class AmxPanels {
 public:
  AmxPanels(const Part& part, const TileRows& x);
  ~AmxPanels();
  AmxPanels(const AmxPanels&) = delete;
  AmxPanels& operator=(const AmxPanels&) = delete;
  // Up to kTogether panels side by side, so that the caller writes whole cache lines: [x.rows][kColumns], until the
  // next call.
  static constexpr std::int64_t kTogether = 4, kColumns = kTogether * kPanelRows;
  const float* multiply(std::int64_t first, std::int64_t n);

 private:
  const Part& part_;
  const TileRows& x_;
};

}  // namespace faqsmith::quant
