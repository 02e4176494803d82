// The objects of the fake device. Each begins with the structure that libibverbs' users see.
#pragma once

#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "../abi.h"
#include "wire.h"

namespace farside::fake {

struct FakePd {
  ibv_pd pd;
};

struct FakeMr {
  ibv_mr mr;
  unsigned access;
  std::vector<uint64_t> durable;  // what power loss keeps; empty without FLUSH_PERSISTENT
};

struct FakeChannel {
  ibv_comp_channel channel;  // its fd is an eventfd that counts events
  std::deque<ibv_cq*> events;
};

struct FakeQp;

struct FakeCompletion {
  ibv_wc wc;
  FakeQp* qp;      // null where the queue pair is gone
  uint32_t frees;  // places in its send queue (or, for a receive, receive queue)
};

struct FakeCq {
  ibv_cq cq;
  std::deque<FakeCompletion> entries;
  bool armed;
  bool overflowed;
};

// A work request as it was posted: what is inline was copied then.
struct FakeWork {
  ibv_wr_opcode opcode;
  uint64_t wrId;
  unsigned flags;
  uint32_t immediate;
  uint64_t localAddress;
  uint32_t localLength, lkey;
  uint64_t remoteAddress;
  uint32_t rkey;
  uint64_t operand, compare;
  uint8_t flushType;
  std::vector<uint8_t> inlined;
};

// How the next verbs of a queue pair fail.
struct FakeFault {
  uint64_t after = 0;  // verbs that still go well
  bool armed = false;
  ibv_wc_status status = IBV_WC_RETRY_EXC_ERR;
  bool execute = false;  // it takes effect all the same: its acknowledgement was lost
  int refuse = 0;        // instead: ibv_post_send refuses it with this errno
};

struct FakeQp {
  union {
    ibv_qp_ex qp;
    QpExWithFlush tail;
  };
  FakeCq* cq;
  ibv_qp_cap cap;
  uint32_t destination;
  ibv_mtu mtu;
  uint8_t maxRdAtomic;
  uint32_t occupied;     // places of the send queue
  uint32_t unsignalled;  // of them, those since the last completion
  std::deque<ibv_recv_wr> receives;
  std::deque<FakeWork> held;
  std::deque<FakeWork> sent;  // over a wire, and not answered
  uint32_t sequence;          // of the first of them
  bool holding;
  bool losing;  // completions are lost, though verbs take effect
  FakeFault fault;
  FakeWork building;  // between wr_start and wr_complete
  bool built;
};

// Queue pairs of processes on one network have different numbers.
uint32_t firstQpNum();

struct World {
  std::mutex lock;
  std::unordered_map<uint32_t, FakeQp*> queuePairs;
  std::unordered_map<uint32_t, FakeMr*> regions;  // by key; lkey and rkey are equal
  std::unordered_map<uint32_t, WireId> routes;  // by number of the queue pair at the other end
  uint32_t nextQpNum = firstQpNum();
  uint32_t nextKey = 1;
  uint32_t maxInlineData = 220;
  ibv_mtu activeMtu = IBV_MTU_4096;
  uint8_t readsMax = 16;  // outstanding READs and atomics of a queue pair, each way
  uint64_t lockedBytes = 0;
  bool flush = true;
  bool execute = true;  // false: verbs do nothing, for measuring what is around them
  uint64_t posts = 0, works = 0;
};

World& world();

// cm.cc and remote.cc: what comes over wires.
void heardOfConnection(WireId wire, const Frame& frame, const Payload& payload);
void connectionEnded(WireId wire);
void heardOfWork(WireId wire, const Frame& frame, const Payload& payload);
void workEnded(WireId wire);
void addRoute(uint32_t peerQpNum, WireId wire);
// Sends a verb to where its queue pair leads; false where that is in no other process.
bool sendWork(FakeQp* qp, const FakeWork& work);
ibv_context* context();

// execute.cc; the world is locked.
int postSend(ibv_qp* qp, ibv_send_wr* wr, ibv_send_wr** refused);
int postRecv(ibv_qp* qp, ibv_recv_wr* wr, ibv_recv_wr** refused);
int pollCq(ibv_cq* cq, int count, ibv_wc* entries);
int post(FakeQp* qp, FakeWork&& work);
void release(FakeQp* qp, size_t count);
void fail(FakeQp* qp);
void finish(FakeQp* qp, const FakeWork& work, ibv_wc_status status);
ibv_wc_status checkLocal(const FakeQp* qp, const FakeWork& work);
// Acts at the responder: `here` is what a WRITE brings, `result` is where a READ or an atomic answers.
ibv_wc_status actAt(FakeQp* peer, const FakeWork& work, const void* here, void* result);
void copy(void* to, const void* from, size_t length);
void push(FakeCq* cq, const FakeCompletion& completion);
void bindExtended(FakeQp* qp);

}  // namespace farside::fake
