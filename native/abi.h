// What the addon needs of rdma-core's headers, and the two operations that are younger than the
// oldest headers we build against.
//
// The headers come from the development packages and are not copied here: the structures of verbs.h
// are an ABI with several optional tails, and a second copy of it would be wrong on the day it
// changes. What is not in Debian 12's version (libibverbs 44) is declared below, under names of our
// own, so that one build serves every libibverbs: whether an operation is there is asked at run
// time, from the device.
#pragma once

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#include <cstddef>
#include <cstdint>

namespace farside {

// enum ibv_qp_create_send_ops_flags
constexpr uint64_t kSendOpFlush = 1 << 11;
constexpr uint64_t kSendOpAtomicWrite = 1 << 12;

// enum ibv_placement_type and ibv_selectivity_level, the arguments of ibv_wr_flush
constexpr uint8_t kFlushGlobal = 1;
constexpr uint8_t kFlushPersistent = 2;
constexpr uint8_t kFlushRange = 0;

// enum ibv_access_flags
constexpr unsigned kAccessFlushGlobal = 1 << 8;
constexpr unsigned kAccessFlushPersistent = 1 << 9;

// device_cap_flags_ex
constexpr uint64_t kDeviceFlushGlobal = 1ull << 38;
constexpr uint64_t kDeviceFlushPersistent = 1ull << 39;
constexpr uint64_t kDeviceAtomicWrite = 1ull << 40;

// struct ibv_qp_ex as it ends since libibverbs 45: wr_flush follows wr_atomic_write. The provider
// allocates it, so the pointer may be followed only where the queue pair was created with
// kSendOpFlush.
struct QpExWithFlush {
  uint8_t upToAtomicWrite[offsetof(ibv_qp_ex, wr_atomic_write)];
  decltype(ibv_qp_ex::wr_atomic_write) wrAtomicWrite;
  void (*wrFlush)(ibv_qp_ex* qp, uint32_t rkey, uint64_t remoteAddress, size_t length, uint8_t type,
                  uint8_t level);
};
static_assert(offsetof(QpExWithFlush, wrAtomicWrite) == offsetof(ibv_qp_ex, wr_atomic_write),
              "the tail must lie where the provider puts it");
// As bindings that were made from rdma-core's later headers have it, with pointers of eight bytes.
static_assert(sizeof(void*) != 8 ||
                  (offsetof(QpExWithFlush, wrAtomicWrite) == 344 && offsetof(QpExWithFlush, wrFlush) == 352),
              "wr_flush must lie where libibverbs has it");

}  // namespace farside
