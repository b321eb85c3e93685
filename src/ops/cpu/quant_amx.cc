// Two panels go through the cache side by side in slabs of 8 chunks: decoded once to B tiles, then multiplied with
// every tile of x, two of them at a time. Sums wait in float32 between slabs.
#include "ops/cpu/quant_amx.h"

#include <algorithm>

#include "sys/parallel.h"

#if defined(__x86_64__)
#include "ops/cpu/amx.h"
#include "ops/cpu/quant_avx512.h"

namespace faqsmith::quant {
namespace {

using amx::kTileElements, amx::TileConfig;

struct Slab {
  alignas(64) std::uint32_t tiles[kSlabChunks][kTileElements];
};

// 256 + byte k of each lane: the byte becomes the mantissa.
template <int k>
AMX_INLINE __m512 byte_and_256(__m512i bytes) {
  constexpr int move = 15 - 8 * k;
  const __m512i moved = move > 0 ? _mm512_slli_epi32(bytes, static_cast<unsigned>(move > 0 ? move : 0))
                                 : _mm512_srli_epi32(bytes, static_cast<unsigned>(move > 0 ? 0 : -move));
  constexpr int kAndThenOr = 0xea;
  return _mm512_castsi512_ps(
      _mm512_ternarylogic_epi32(moved, _mm512_set1_epi32(255 << 15), _mm512_set1_epi32(0x43800000), kAndThenOr));
}

// Rounded to bf16 in integers, which is faster than in the converter: pairs (even[i], odd[i]).
AMX_INLINE __m512i rounded_pairs(__m512 even, __m512 odd) {
  const __m512i half = _mm512_set1_epi32(0x8000);
  const __m512i low = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(even), half), 16);
  const __m512i high = _mm512_add_epi32(_mm512_castps_si512(odd), half);
  return _mm512_mask_blend_epi16(0xaaaaaaaau, low, high);
}

// A chunk as a B tile: value = scale * (code + 256) + base.
template <Format f>
AMX_INLINE void decode_chunk(const std::uint8_t* chunk, const Scales<f>& s, std::uint32_t* tile) {
  constexpr int n_groups = f.groups();
  __m512i codes[kQuads];
  load_codes<f>(chunk, codes);
  __m512 base[n_groups];
#pragma GCC unroll 2
  for (int g = 0; g < n_groups; ++g) {
    constexpr float kOffset = 256.0f + (f.has_min ? 0.0f : static_cast<float>(1 << f.offset_log2));
    base[g] = _mm512_fnmadd_ps(s.scale[g], _mm512_set1_ps(kOffset), f.has_min ? s.min[g] : _mm512_setzero_ps());
  }
#pragma GCC unroll 8
  for (int q = 0; q < kQuads; ++q) {
    const __m512 scale = s.scale[q * n_groups / kQuads], b = base[q * n_groups / kQuads];
    const __m512 v0 = _mm512_fmadd_ps(byte_and_256<0>(codes[q]), scale, b);
    const __m512 v1 = _mm512_fmadd_ps(byte_and_256<1>(codes[q]), scale, b);
    const __m512 v2 = _mm512_fmadd_ps(byte_and_256<2>(codes[q]), scale, b);
    const __m512 v3 = _mm512_fmadd_ps(byte_and_256<3>(codes[q]), scale, b);
    _mm512_store_si512(tile + 2 * q * kPanelRows, rounded_pairs(v0, v1));
    _mm512_store_si512(tile + (2 * q + 1) * kPanelRows, rounded_pairs(v2, v3));
  }
}

template <Format f>
AMX_CODE void decode_slab(const std::uint8_t* codes, const std::uint8_t* scales, std::int64_t first, std::int64_t n,
                          Slab& slab) {
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint8_t* const chunk = codes + (first + i) * f.chunk_codes();
    const std::uint8_t* const block = scales + (first + i) * kChunk / f.block() * f.block_scales();
    fetch_ahead(chunk, f.chunk_codes(), block);
    decode_chunk<f>(chunk, load_scales<f>(block, first + i), slab.tiles[i]);
  }
}

using SlabDecoder = void (*)(const std::uint8_t* codes, const std::uint8_t* scales, std::int64_t first, std::int64_t n,
                             Slab& slab);

SlabDecoder decoder_of(GgmlType type) {
  return for_format(type, []<Format f>() -> SlabDecoder { return decode_slab<f>; });
}

// One or two tiles of x times two slabs; sums are added to y unless the slab is the first.
struct TileProduct {
  const Slab* slabs;  // [2]
  std::int64_t chunks;
  const bf16* x;                 // [chunk][row][32]
  std::int64_t x_chunk, x_tile;  // to the next one of x
  float* y;                      // [row][kColumns]
  bool is_first;
};

constexpr std::int64_t kLine = AmxPanels::kColumns * 4;               // bytes
constexpr std::int64_t kNextTile = kPanelRows * AmxPanels::kColumns;  // of x, in y

template <int x_tiles>
AMX_CODE void multiply_tiles(const TileProduct& p) {
  amx::operands_written();
  if (p.is_first) {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (x_tiles == 2) {
      _tile_zero(2);
      _tile_zero(3);
    }
  } else {
    _tile_loadd(0, p.y, kLine);
    _tile_loadd(1, p.y + kPanelRows, kLine);
    if constexpr (x_tiles == 2) {
      _tile_loadd(2, p.y + kNextTile, kLine);
      _tile_loadd(3, p.y + kNextTile + kPanelRows, kLine);
    }
  }
  const bf16* x = p.x;
  for (std::int64_t c = 0; c < p.chunks; ++c, x += p.x_chunk) {
    _tile_loadd(4, x, kVector);
    _tile_loadd(6, p.slabs[0].tiles[c], kVector);
    _tile_loadd(7, p.slabs[1].tiles[c], kVector);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (x_tiles == 2) {
      _tile_loadd(5, x + p.x_tile, kVector);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, p.y, kLine);
  _tile_stored(1, p.y + kPanelRows, kLine);
  if constexpr (x_tiles == 2) {
    _tile_stored(2, p.y + kNextTile, kLine);
    _tile_stored(3, p.y + kNextTile + kPanelRows, kLine);
  }
}

struct Memory {
  TileConfig config;  // gcc 12's _tile_loadconfig tells the compiler of its first 8 bytes only: not a local variable
  Slab slabs[2];
  Buffer<float> y;  // [rows of all tiles of x][AmxPanels::kColumns]
};

Memory& memory() {
  thread_local Memory kept;
  return kept;
}

AMX_INLINE __m512i chunk_of(const bf16* x) {
  return _mm512_loadu_si512(x);
}
AMX_INLINE __m512i chunk_of(const float* x) {
  return avx512::to_bf16(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
}

// n chunks of one row of x to its place in a tile; step: between chunks.
template <class T>
AMX_CODE void lay_out_row(const T* x, std::int64_t n, std::int64_t step, bf16* to) {
  for (std::int64_t c = 0; c < n; ++c) _mm512_store_si512(to + c * step, chunk_of(x + c * kChunk));
}

// Tiles 0 to 3 take products, 4 and 5 are x, 6 and 7 codes.
AMX_CODE void configure_tiles(std::int64_t rows, TileConfig& config) {
  for (int t = 0; t < 6; ++t) config.rows[t] = static_cast<std::uint8_t>(rows);
  amx::operands_written();
  _tile_loadconfig(&config);
}
AMX_CODE void release_tiles() {
  _tile_release();
}

}  // namespace

bool amx_ready() {
  return amx::ready();
}

template <class T>
void lay_out(In<T> x, TileRows& out) {
  const std::int64_t width = x.shape[1];
  out.rows = x.shape[0];
  const std::int64_t chunks = width / kChunk;
  const std::int64_t tiles = out.tiles(), tile_rows = out.tile_rows();
  reserve(out.values, tiles * tile_rows * width);
  parallel_for(tiles, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      const std::int64_t first = tile * tile_rows, filled = std::min(tile_rows, out.rows - first);
      for (std::int64_t chunk = 0; chunk < chunks; chunk += kSlabChunks) {
        const std::int64_t n = std::min(kSlabChunks, chunks - chunk);
        bf16* const to = out.values.data() + out.at(chunk, n, tile);
        if (filled < tile_rows) std::fill_n(to, n * tile_rows * kChunk, bf16{});
        for (std::int64_t row = 0; row < filled; ++row) {
          lay_out_row(x.data + (first + row) * width + chunk * kChunk, n, tile_rows * kChunk, to + row * kChunk);
        }
      }
    }
  });
}

AmxPanels::AmxPanels(const Part& part, const TileRows& x) : part_(part), x_(x) {
  reserve(memory().y, x.tiles() * x.tile_rows() * kColumns);
  configure_tiles(x.tile_rows(), memory().config);
}

AmxPanels::~AmxPanels() {
  release_tiles();
}

const float* AmxPanels::multiply(std::int64_t first, std::int64_t n) {
  Memory& m = memory();
  const SlabDecoder decode = decoder_of(part_.type);
  const std::int64_t tiles = x_.tiles(), tile_rows = x_.tile_rows();
  for (std::int64_t panel = 0; panel < n; panel += 2) {
    for (std::int64_t chunk = 0; chunk < part_.chunks; chunk += kSlabChunks) {
      const std::int64_t chunks = std::min(kSlabChunks, part_.chunks - chunk);
      for (std::int64_t i = 0; i < 2; ++i) {  // the last panel may be alone; what its place beside it gets is not read
        const std::uint8_t* const codes = part_.panel(first + std::min(panel + i, n - 1));
        decode(codes, codes + part_.scales_at, chunk, chunks, m.slabs[i]);
      }
      for (std::int64_t tile = 0; tile < tiles; tile += 2) {
        const std::int64_t at = x_.at(chunk, chunks, tile);
        const TileProduct product{m.slabs,
                                  chunks,
                                  x_.values.data() + at,
                                  tile_rows * kChunk,
                                  x_.at(chunk, chunks, tile + 1) - at,
                                  m.y.data() + tile * kNextTile + panel * kPanelRows,
                                  chunk == 0};
        tile + 1 < tiles ? multiply_tiles<2>(product) : multiply_tiles<1>(product);
      }
    }
  }
  return m.y.data();
}

}  // namespace faqsmith::quant
#else
namespace faqsmith::quant {
bool amx_ready() {
  return false;
}
template <class T>
void lay_out(In<T>, TileRows&) {}
AmxPanels::AmxPanels(const Part& part, const TileRows& x) : part_(part), x_(x) {}
AmxPanels::~AmxPanels() = default;
const float* AmxPanels::multiply(std::int64_t, std::int64_t) {
  return nullptr;
}
}  // namespace faqsmith::quant
#endif

namespace faqsmith::quant {
template void lay_out(In<float>, TileRows&);
template void lay_out(In<bf16>, TileRows&);
}  // namespace faqsmith::quant
