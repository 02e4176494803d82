// Verbs between processes: sent over the wire of their queue pair, executed by the wire thread of the
// other process under the lock of its world, answered, and completed here.
#include <cstring>

#include "objects.h"

namespace farside::fake {
namespace {

bool bringsBytes(ibv_wr_opcode opcode) {
  return opcode == IBV_WR_RDMA_WRITE || opcode == IBV_WR_RDMA_WRITE_WITH_IMM ||
         opcode == IBV_WR_ATOMIC_WRITE;
}

bool takesBytes(ibv_wr_opcode opcode) {
  return opcode == IBV_WR_RDMA_READ || opcode == IBV_WR_ATOMIC_CMP_AND_SWP ||
         opcode == IBV_WR_ATOMIC_FETCH_AND_ADD;
}

// The queue pair with that number whose other end is `peer`.
FakeQp* queuePair(uint32_t number, uint32_t peer) {
  auto found = world().queuePairs.find(number);
  if (found == world().queuePairs.end()) return nullptr;
  const ibv_qp_state state = found->second->qp.qp_base.state;
  const bool answers = state == IBV_QPS_RTR || state == IBV_QPS_RTS;
  return found->second->destination == peer && answers ? found->second : nullptr;
}

void serve(WireId wire, const Frame& frame, const Payload& payload) {
  FakeWork work = {};
  work.opcode = static_cast<ibv_wr_opcode>(frame.work.opcode);
  work.flags = frame.work.flags;
  work.immediate = frame.work.immediate;
  work.localLength = frame.work.length;
  work.rkey = frame.work.rkey;
  work.flushType = static_cast<uint8_t>(frame.work.flushType);
  work.remoteAddress = frame.work.remoteAddress;
  work.operand = frame.work.operand;
  work.compare = frame.work.compare;
  // Both sides of a copy are aligned, as they would be between two regions.
  std::vector<uint64_t> result(takesBytes(work.opcode) ? (work.localLength + 7) / 8 : 0);
  FakeQp* qp = queuePair(frame.to, frame.from);
  Frame answer = {};
  answer.kind = FrameKind::kAnswer;
  answer.from = frame.to;
  answer.to = frame.from;
  answer.sequence = frame.sequence;
  answer.answer.status =
      qp == nullptr ? IBV_WC_RETRY_EXC_ERR : actAt(qp, work, payload.data(), result.data());
  answer.payloadBytes = result.empty() ? 0 : work.localLength;
  sendFrame(wire, answer, result.data());
}

void answered(const Frame& frame, const Payload& payload) {
  FakeQp* qp = queuePair(frame.to, frame.from);
  // A queue pair that failed has flushed what it had sent: late answers are for nobody.
  if (qp == nullptr || qp->sent.empty() || qp->sequence != frame.sequence) return;
  FakeWork work = std::move(qp->sent.front());
  qp->sent.pop_front();
  qp->sequence++;
  auto status = static_cast<ibv_wc_status>(frame.answer.status);
  if (status == IBV_WC_SUCCESS) status = checkLocal(qp, work);
  if (status == IBV_WC_SUCCESS && takesBytes(work.opcode)) {
    copy(reinterpret_cast<void*>(work.localAddress), payload.data(), payload.size());
  }
  finish(qp, work, status);
  if (status != IBV_WC_SUCCESS) fail(qp);
}

}  // namespace

void addRoute(uint32_t peerQpNum, WireId wire) {
  std::lock_guard<std::mutex> guard(world().lock);
  world().routes[peerQpNum] = wire;
}

bool sendWork(FakeQp* qp, const FakeWork& work) {
  auto route = world().routes.find(qp->destination);
  if (route == world().routes.end()) return false;
  const ibv_wc_status status = checkLocal(qp, work);
  if (status != IBV_WC_SUCCESS) {
    finish(qp, work, status);
    fail(qp);
    return true;
  }
  Frame frame = {};
  frame.kind = FrameKind::kWork;
  frame.from = qp->qp.qp_base.qp_num;
  frame.to = qp->destination;
  frame.sequence = qp->sequence + static_cast<uint32_t>(qp->sent.size());
  frame.work.opcode = work.opcode;
  frame.work.flags = work.flags;
  frame.work.immediate = work.immediate;
  frame.work.length = work.localLength;
  frame.work.rkey = work.rkey;
  frame.work.flushType = work.flushType;
  frame.work.remoteAddress = work.remoteAddress;
  frame.work.operand = work.operand;
  frame.work.compare = work.compare;
  frame.payloadBytes = bringsBytes(work.opcode) ? work.localLength : 0;
  // The bytes of a WRITE leave now, by aligned words, into a buffer of the same alignment.
  std::vector<uint64_t> bytes((frame.payloadBytes + 7) / 8);
  auto* from = reinterpret_cast<const void*>(work.localAddress);
  copy(bytes.data(), work.inlined.empty() ? from : work.inlined.data(), frame.payloadBytes);
  qp->sent.push_back(work);
  sendFrame(route->second, frame, bytes.data());
  return true;
}

void heardOfWork(WireId wire, const Frame& frame, const Payload& payload) {
  std::lock_guard<std::mutex> guard(world().lock);
  if (frame.kind == FrameKind::kWork) serve(wire, frame, payload);
  else answered(frame, payload);
}

// What was sent over it and not answered may have acted: its queue pairs fail, as after all retries.
void workEnded(WireId wire) {
  std::lock_guard<std::mutex> guard(world().lock);
  std::vector<uint32_t> peers;
  for (auto it = world().routes.begin(); it != world().routes.end();) {
    if (it->second != wire) {
      ++it;
      continue;
    }
    peers.push_back(it->first);
    it = world().routes.erase(it);
  }
  for (auto& [number, qp] : world().queuePairs) {
    for (uint32_t peer : peers) {
      if (qp->destination != peer || qp->sent.empty()) continue;
      FakeWork first = std::move(qp->sent.front());
      qp->sent.pop_front();
      qp->sequence++;
      finish(qp, first, IBV_WC_RETRY_EXC_ERR);
      fail(qp);
    }
  }
}

}  // namespace farside::fake
