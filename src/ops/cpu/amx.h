// Building blocks for kernels on Intel's AMX tiles (Intel architecture instruction set extensions reference, chapter
// 3): products of bf16 tiles with float32 sums, and the data layouts that they read. Only for functions marked
// AMX_CODE. What uses no tile instruction itself, but TileScope and multiply() alone, runs with AVX512-BF16 too: these
// two then do without tiles. Everything else after ready().
//   A tile: 16 rows x 32 bf16. B tile: 16 x 16 pairs, (row 2r, row 2r + 1) of a 32 x 16 block. C tile: 16 x 16 float.
// Non-goal: shapes that are no multiples of 32; callers pad.
#pragma once
#if defined(__x86_64__)
#include <cstdint>
#include <cstring>

#include "ops/cpu/avx512.h"

#define AMX_CODE __attribute__((target("arch=x86-64-v4,avx512bf16,amx-tile,amx-bf16,prefer-vector-width=512")))
#define AMX_INLINE AMX_CODE inline __attribute__((always_inline))

namespace faqsmith::amx {

using namespace avx512;

// True if the processor has AMX, ONEDNN_MAX_CPU_ISA allows it and the kernel grants its registers to this process.
[[nodiscard]] bool ready();

constexpr std::int64_t kTileElements = 256;  // 32-bit elements of a B or C tile

struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Constants in memory, because gcc 12's _tile_loadconfig tells the compiler of its first 8 bytes only: a local one
// would be optimised away.
inline constexpr TileConfig kWholeTiles;
// As above, but tiles 5 (A) and 7 (B) are 16 deep instead of 32.
inline constexpr TileConfig kHalfTiles{.row_bytes = {64, 64, 64, 64, 64, 32, 64, 64},
                                       .rows = {16, 16, 16, 16, 16, 16, 16, 8}};

// The calling thread's tiles are configured while this lives; without AMX nothing.
class TileScope {
 public:
  AMX_CODE explicit TileScope(const TileConfig& config) {
    if (ready()) _tile_loadconfig(&config);
  }
  AMX_CODE ~TileScope() {
    if (ready()) _tile_release();
  }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

// Between writing an operand and the first tile load: gcc 12's _tile_loadd does not tell the compiler that it reads
// memory.
AMX_INLINE void operands_written() {
  asm volatile("" ::: "memory");
}

enum class Sum { Replace, Add };

// Where the tiles of an operand lie: row-major memory (step in bytes between the 16 rows of a tile), tiles apart by
// row_step (16 rows further down; for B: 32 further along k) and column_step, both in bytes.
struct Tiles {
  const void* data;
  std::int64_t line, row_step, column_step;
  [[nodiscard]] const void* at(std::int64_t row_block, std::int64_t column_block) const {
    return static_cast<const char*>(data) + row_block * row_step + column_block * column_step;
  }
};

// multiply() without tiles: 8 rows x 32 columns in registers. m in blocks of 8.
template <Sum sum>
AVX512_INLINE void multiply_in_registers(Tiles a, Tiles b, float* c, std::int64_t ldc, std::int64_t m, std::int64_t k,
                                         std::int64_t n) {
  constexpr int kRows = 8;
  for (std::int64_t i = 0; i < m; i += kRows) {
    for (std::int64_t j = 0; j < n / 16; j += 2) {
      float* const to = c + i * ldc + j * 16;
      __m512 sums[kRows][2];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half)
          sums[r][half] = sum == Sum::Add ? _mm512_loadu_ps(to + r * ldc + half * 16) : _mm512_setzero_ps();
      }
      for (std::int64_t p = 0; p < k / 32; ++p) {
        const char* const rows = static_cast<const char*>(a.at(i / 16, p)) + i % 16 * a.line;
        const char* const left = static_cast<const char*>(b.at(p, j));
        const char* const right = static_cast<const char*>(b.at(p, j + 1));
        for (std::int64_t pair = 0; pair < 16; ++pair) {
          const auto b0 = (__m512bh)_mm512_loadu_si512(left + pair * b.line);
          const auto b1 = (__m512bh)_mm512_loadu_si512(right + pair * b.line);
#pragma GCC unroll 8
          for (int r = 0; r < kRows; ++r) {
            std::int32_t two = 0;
            std::memcpy(&two, rows + r * a.line + pair * 4, sizeof two);
            const auto both = (__m512bh)_mm512_set1_epi32(two);
            sums[r][0] = _mm512_dpbf16_ps(sums[r][0], both, b0);
            sums[r][1] = _mm512_dpbf16_ps(sums[r][1], both, b1);
          }
        }
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) _mm512_storeu_ps(to + r * ldc + half * 16, sums[r][half]);
      }
    }
  }
}

// c [m, n] (=, +=) a [m, k] b [k, n]: m and n in blocks of 32, k of 32; c row-major with ldc floats a row.
template <Sum sum>
AMX_INLINE void multiply(Tiles a, Tiles b, float* c, std::int64_t ldc, std::int64_t m, std::int64_t k, std::int64_t n) {
  if (!ready()) return multiply_in_registers<sum>(a, b, c, ldc, m, k, n);
  const std::int64_t line = ldc * 4;
  operands_written();
  for (std::int64_t i = 0; i < m / 16; i += 2) {
    for (std::int64_t j = 0; j < n / 16; j += 2) {
      float* const c00 = c + i * 16 * ldc + j * 16;
      float* const c10 = c00 + 16 * ldc;
      if constexpr (sum == Sum::Add) {
        _tile_loadd(0, c00, line);
        _tile_loadd(1, c00 + 16, line);
        _tile_loadd(2, c10, line);
        _tile_loadd(3, c10 + 16, line);
      } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
      }
      for (std::int64_t p = 0; p < k / 32; ++p) {
        _tile_loadd(4, a.at(i, p), a.line);
        _tile_loadd(6, b.at(p, j), b.line);
        _tile_loadd(7, b.at(p, j + 1), b.line);
        _tile_loadd(5, a.at(i + 1, p), a.line);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      _tile_stored(0, c00, line);
      _tile_stored(1, c00 + 16, line);
      _tile_stored(2, c10, line);
      _tile_stored(3, c10 + 16, line);
    }
  }
}

// The same for m = 16: few queries.
AMX_INLINE void multiply_16(Tiles a, Tiles b, float* c, std::int64_t ldc, std::int64_t k, std::int64_t n) {
  if (!ready()) return multiply_in_registers<Sum::Replace>(a, b, c, ldc, 16, k, n);
  operands_written();
  for (std::int64_t j = 0; j < n / 16; j += 2) {
    _tile_zero(0);
    _tile_zero(1);
    for (std::int64_t p = 0; p < k / 32; ++p) {
      _tile_loadd(4, a.at(0, p), a.line);
      _tile_loadd(6, b.at(p, j), b.line);
      _tile_loadd(7, b.at(p, j + 1), b.line);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
    }
    _tile_stored(0, c + j * 16, ldc * 4);
    _tile_stored(1, c + j * 16 + 16, ldc * 4);
  }
}

// Rows [0, n) of a matrix, 16 columns of pairs wide at `column`, as the B tile of its transpose: tile[c][r] = pair c of
// row r.
template <class RowAt>
AMX_INLINE void transposed_tile(RowAt row_at, std::int64_t first, std::int64_t n, std::int64_t column,
                                std::uint32_t* tile) {
  __m512i r[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    r[i] = first + i < n ? _mm512_loadu_si512(row_at(first + i) + column) : _mm512_setzero_si512();
  }
  transpose_16x16(r);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) _mm512_store_si512(tile + i * 16, r[i]);
}

// Rows [first, first + 32) of a matrix, 16 columns at `column`, as the B tile of the matrix itself.
template <class RowAt>
AMX_INLINE void straight_tile(RowAt row_at, std::int64_t first, std::int64_t n, std::int64_t column,
                              std::uint32_t* tile) {
  for (std::int64_t i = 0; i < 32; i += 2) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i even =
        first + i < n ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row_at(first + i) + column)) : zero;
    const __m256i odd =
        first + i + 1 < n ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row_at(first + i + 1) + column)) : zero;
    _mm512_store_si512(tile + i * 8,
                       _mm512_or_si512(_mm512_cvtepu16_epi32(even), _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16)));
  }
}

}  // namespace faqsmith::amx
#endif
