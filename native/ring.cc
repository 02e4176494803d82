#include "ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "errors.h"

namespace farside {
namespace {

constexpr uint32_t kNone = 0xffffffff;
constexpr uint32_t kNeverPosted = 0x8000;
constexpr uint32_t kFenced = 1 << 8, kSignalled = 1 << 9, kWord = 1 << 10;
constexpr uint64_t kReceive = 1ull << 63;
constexpr uint32_t kOperandAt = 8, kCompareAt = 10, kResultAt = 12, kImmediateAt = 14;

uint64_t load64(const uint32_t* words, uint32_t at) {
  return words[at] | static_cast<uint64_t>(words[at + 1]) << 32;
}

}  // namespace

Ring::Ring(std::shared_ptr<Pd> pd, std::shared_ptr<Cq> cq, uint32_t* words, uint32_t capacity,
           std::shared_ptr<Mr> mr)
    : Resource(kKind, pd->library),
      pd(pd.get()),
      cq(cq.get()),
      words_(words),
      slots_(words + 16 + size_t{capacity} * 9),
      capacity_(capacity),
      mr_(std::move(mr)),
      requests_(capacity) {
  for (Request& request : requests_) {
    request = {};
    request.wr.sg_list = &request.sge;
  }
}

int Ring::release() {
  cq->ring = nullptr;
  locals_.clear();
  return mr_->close();
}

// One call
// -----------------------------------------------------------------------------------------

int Ring::postSend(napi_env env) {
  if (!accept(env)) return -1;
  postAll();
  return finish();
}

int Ring::pollCq() {
  begin();
  reap();
  return finish();
}

int Ring::postAndPoll(napi_env env) {
  if (!accept(env)) return -1;
  postAll();
  reap();
  // What was retired may have made room for what waited.
  if (!waiting_.empty()) postAll();
  return finish();
}

void Ring::begin() {
  calling_ = true;
  for (const Completion& completion : deferred_) {
    if (completion.slot == kNone) receivedNow_++;
    give(completion);
  }
  deferred_.clear();
}

int Ring::finish() {
  const int completed = static_cast<int>(completed_);
  completed_ = receivedNow_ = 0;
  calling_ = false;
  return completed;
}

// Accepting
// ----------------------------------------------------------------------------------------

bool Ring::accept(napi_env env) {
  const uint32_t count = words_[0];
  words_[0] = 0;
  const uint32_t* submitted = words_ + 16;
  const char* wrong = count > capacity_ ? "more slots submitted than there are" : nullptr;
  uint32_t accepted = 0;
  for (; wrong == nullptr && accepted < count; accepted++) {
    wrong = prepare(submitted[accepted]);
    if (wrong != nullptr) break;
  }
  if (wrong != nullptr) {
    const uint32_t slot = accepted < count && count <= capacity_ ? submitted[accepted] : kNone;
    for (uint32_t i = 0; i < accepted; i++) requests_[submitted[i]].stage = Stage::free;
    throwRange(env, format("postSend: slot %u: %s", slot, wrong));
    return false;
  }
  begin();
  inFlight_ += count;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t slot = submitted[i];
    const uint32_t index = requests_[slot].queue;
    Queue& queue = queues_[index];
    if (queue.broken != 0) {
      complete(slot, kNeverPosted | static_cast<uint32_t>(queue.broken), 0, index);
      continue;
    }
    append(queue.pending, slot);
    if (queue.listed) continue;
    queue.listed = true;
    waiting_.push_back(index);
  }
  return true;
}

// What is wrong with the slot; null where nothing is, and then it is a request.
const char* Ring::prepare(uint32_t slot) {
  if (slot >= capacity_) return "no such slot";
  Request& request = requests_[slot];
  if (request.stage != Stage::free) return "it is in flight, or twice in this batch";
  const uint32_t* words = slotWords(slot);
  const uint32_t head = words[0], queueIndex = words[2], remoteIndex = words[3] >> 16;
  if ((head & 0xff) > static_cast<uint32_t>(Op::writeImm)) return "no such op";
  if (queueIndex >= queues_.size()) return "no such queue";
  if (remoteIndex >= remotes_.size()) return "no such remote region";
  const RemoteRegion& remote = remotes_[remoteIndex];
  const uint64_t offset = load64(words, 6);
  const uint32_t length = words[1];
  if (length == 0) return "its length is 0";
  if (offset > remote.length || remote.length - offset < length) return "outside its remote region";

  ibv_send_wr& wr = request.wr;
  wr.send_flags = 0;
  if ((head & kFenced) != 0) wr.send_flags |= IBV_SEND_FENCE;
  if ((head & kSignalled) != 0) wr.send_flags |= IBV_SEND_SIGNALED;
  wr.wr.rdma.remote_addr = remote.address + offset;
  wr.wr.rdma.rkey = remote.rkey;
  request.op = static_cast<Op>(head & 0xff);
  request.queue = queueIndex;
  const char* wrong = prepareOp(words, &request);
  if (wrong == nullptr) request.stage = Stage::pending;
  return wrong;
}

const char* Ring::prepareOp(const uint32_t* words, Request* request) {
  ibv_send_wr& wr = request->wr;
  const Queue& queue = queues_[request->queue];
  const bool word = (words[0] & kWord) != 0;
  const uint64_t remoteAddress = wr.wr.rdma.remote_addr;
  const uint32_t rkey = wr.wr.rdma.rkey, length = words[1];
  const bool wholeWord = length == 8 && (remoteAddress & 7) == 0;
  wr.num_sge = 1;
  switch (request->op) {
    case Op::read:
      wr.opcode = IBV_WR_RDMA_READ;
      return prepareLocal(words, request, word, kResultAt);
    case Op::write:
    case Op::writeImm:
      wr.opcode = request->op == Op::write ? IBV_WR_RDMA_WRITE : IBV_WR_RDMA_WRITE_WITH_IMM;
      wr.imm_data = htobe32(words[kImmediateAt]);
      if (length <= queue.limits.inlineBytesMax) wr.send_flags |= IBV_SEND_INLINE;
      return prepareLocal(words, request, word, kOperandAt);
    case Op::cas:
    case Op::faa:
      if (!wholeWord) return "an atomic takes 8 bytes at a multiple of 8";
      wr.opcode = request->op == Op::cas ? IBV_WR_ATOMIC_CMP_AND_SWP : IBV_WR_ATOMIC_FETCH_AND_ADD;
      wr.wr.atomic.remote_addr = remoteAddress;
      wr.wr.atomic.rkey = rkey;
      wr.wr.atomic.compare_add = load64(words, request->op == Op::cas ? kCompareAt : kOperandAt);
      wr.wr.atomic.swap = load64(words, kOperandAt);
      return prepareLocal(words, request, true, kResultAt);
    case Op::flush:
      if ((queue.extendedOps & kSendOpFlush) == 0) return "its queue pair has no FLUSH";
      wr.imm_data = words[kImmediateAt];
      request->sge.length = length;
      return nullptr;
    case Op::atomicWrite:
      if ((queue.extendedOps & kSendOpAtomicWrite) == 0) {
        return "its queue pair has no ATOMIC_WRITE";
      }
      if (!wholeWord) return "ATOMIC_WRITE takes 8 bytes at a multiple of 8";
      return prepareLocal(words, request, true, kOperandAt);
  }
  return "no such op";
}

const char* Ring::prepareLocal(const uint32_t* words, Request* request, bool word, uint32_t wordAt) {
  ibv_sge& sge = request->sge;
  sge.length = words[1];
  if (word) {
    if (sge.length != 8) return "a word has 8 bytes";
    sge.addr = reinterpret_cast<uint64_t>(words + wordAt);
    sge.lkey = mr_->mr->lkey;
    return nullptr;
  }
  const uint32_t index = words[3] & 0xffff;
  if (index >= locals_.size()) return "no such local region";
  const LocalRegion& local = locals_[index];
  const uint64_t offset = load64(words, 4);
  if (!local.mr || !local.mr->isOpen()) return "its local region is closed";
  if (offset > local.length || local.length - offset < sge.length) return "outside its local region";
  sge.addr = local.address + offset;
  sge.lkey = local.lkey;
  return nullptr;
}

void Ring::append(Fifo& fifo, uint32_t slot) {
  requests_[slot].next = kNone;
  if (fifo.first == kNone) {
    fifo.first = slot;
  } else {
    requests_[fifo.last].next = slot;
  }
  fifo.last = slot;
}

// Posting
// ------------------------------------------------------------------------------------------

void Ring::postAll() {
  size_t left = 0;
  for (size_t i = 0; i < waiting_.size(); i++) {
    const uint32_t index = waiting_[i];
    postQueue(index);
    if (queues_[index].pending.first != kNone) {
      waiting_[left++] = index;
    } else {
      queues_[index].listed = false;
    }
  }
  waiting_.resize(left);
}

bool Ring::hasRoom(const Queue& queue, uint32_t chained, uint32_t chainedReads, Op op) const {
  if (queue.postedCount + chained >= queue.depth) return false;
  const bool reads = op == Op::read || op == Op::cas || op == Op::faa;
  return !reads || queue.readsPosted + chainedReads < queue.limits.readsMax;
}

void Ring::postQueue(uint32_t index) {
  Queue& queue = queues_[index];
  while (queue.broken == 0 && queue.pending.first != kNone) {
    const Op op = requests_[queue.pending.first].op;
    if (!hasRoom(queue, 0, 0, op)) return;
    if (op == Op::flush || op == Op::atomicWrite) {
      postExtended(index);
    } else {
      postChain(index);
    }
  }
}

// As many of the pending verbs as fit, in one doorbell.
void Ring::postChain(uint32_t index) {
  Queue& queue = queues_[index];
  Request* last = nullptr;
  uint32_t count = 0, reads = 0;
  for (uint32_t slot = queue.pending.first; slot != kNone; slot = requests_[slot].next) {
    Request& request = requests_[slot];
    if (request.op == Op::flush || request.op == Op::atomicWrite) break;
    if (!hasRoom(queue, count, reads, request.op)) break;
    if (request.op == Op::read || request.op == Op::cas || request.op == Op::faa) reads++;
    request.wr.wr_id = static_cast<uint64_t>(queue.serial) << 32 | slot;
    request.wr.next = nullptr;
    if (last != nullptr) last->wr.next = &request.wr;
    last = &request;
    count++;
    if ((request.wr.send_flags & IBV_SEND_SIGNALED) != 0) statistics_.signalled++;
  }
  if ((last->wr.send_flags & IBV_SEND_SIGNALED) == 0) statistics_.signalled++;
  last->wr.send_flags |= IBV_SEND_SIGNALED;
  ibv_send_wr* refused = nullptr;
  statistics_.doorbells++;
  const int error = errnoOf(ibv_post_send(queue.qp->qp, &requests_[queue.pending.first].wr, &refused));
  if (error == 0) {
    moveToPosted(queue, count);
    return;
  }
  uint32_t taken = 0;
  for (uint32_t slot = queue.pending.first; refused != nullptr && &requests_[slot].wr != refused;
       slot = requests_[slot].next) {
    taken++;
  }
  moveToPosted(queue, taken);
  breakQueue(index, error);
}

void Ring::postExtended(uint32_t index) {
  Queue& queue = queues_[index];
  const uint32_t slot = queue.pending.first;
  Request& request = requests_[slot];
  // The provider made this queue pair with ibv_create_qp_ex: an ibv_qp_ex begins with its ibv_qp.
  auto* qp = reinterpret_cast<ibv_qp_ex*>(queue.qp->qp);
  auto* tail = reinterpret_cast<QpExWithFlush*>(qp);
  const uint64_t remoteAddress = request.wr.wr.rdma.remote_addr;
  const uint32_t rkey = request.wr.wr.rdma.rkey;
  ibv_wr_start(qp);
  qp->wr_id = static_cast<uint64_t>(queue.serial) << 32 | slot;
  qp->wr_flags = (request.wr.send_flags & IBV_SEND_FENCE) | IBV_SEND_SIGNALED;
  if (request.op == Op::flush) {
    tail->wrFlush(qp, rkey, remoteAddress, request.sge.length, static_cast<uint8_t>(request.wr.imm_data),
                  kFlushRange);
  } else {
    tail->wrAtomicWrite(qp, rkey, remoteAddress, reinterpret_cast<const void*>(request.sge.addr));
  }
  statistics_.doorbells++;
  statistics_.signalled++;
  const int error = errnoOf(ibv_wr_complete(qp));
  if (error == 0) {
    moveToPosted(queue, 1);
  } else {
    breakQueue(index, error);
  }
}

void Ring::moveToPosted(Queue& queue, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t slot = queue.pending.first;
    Request& request = requests_[slot];
    queue.pending.first = request.next;
    append(queue.posted, slot);
    request.stage = Stage::posted;
    request.serial = queue.serial;
    if (request.op == Op::read || request.op == Op::cas || request.op == Op::faa) queue.readsPosted++;
  }
  queue.postedCount += count;
  statistics_.posted += count;
}

// Reaping
// ------------------------------------------------------------------------------------------

void Ring::reap() {
  constexpr uint32_t kEntries = 32;
  ibv_wc entries[kEntries];
  for (;;) {
    // Immediates share the completions' area: a peer may not flood it within one call.
    const uint32_t wanted = std::min(kEntries, capacity_ - receivedNow_);
    if (wanted == 0) return;
    const int count = ibv_poll_cq(cq->cq, static_cast<int>(wanted), entries);
    statistics_.polls++;
    if (count < 0) {
      // The device is gone: nothing on any queue will ever be confirmed.
      for (uint32_t index = 0; index < queues_.size(); index++) breakQueue(index, EIO);
      return;
    }
    statistics_.completionEntries += static_cast<uint64_t>(count);
    for (int i = 0; i < count; i++) handle(entries[i]);
    if (static_cast<uint32_t>(count) == wanted) continue;
    cq->reserved -= stale_;
    stale_ = 0;
    return;
  }
}

void Ring::handle(const ibv_wc& wc) {
  if ((wc.wr_id & kReceive) != 0) return received(wc);
  const uint32_t slot = static_cast<uint32_t>(wc.wr_id), serial = static_cast<uint32_t>(wc.wr_id >> 32);
  // Of a queue that was broken, or a queue pair that is gone: completed already.
  if (slot >= capacity_ || requests_[slot].stage != Stage::posted || requests_[slot].serial != serial) {
    return;
  }
  const uint32_t index = requests_[slot].queue;
  retire(index, slot, wc.status, wc.status == IBV_WC_SUCCESS ? 0 : wc.vendor_err);
  if (wc.status != IBV_WC_SUCCESS) breakQueue(index, ENOTCONN);
}

void Ring::received(const ibv_wc& wc) {
  const uint32_t index = static_cast<uint32_t>(wc.wr_id >> 32) & 0x7fffffff;
  const uint32_t serial = static_cast<uint32_t>(wc.wr_id);
  if (wc.status != IBV_WC_SUCCESS || index >= queues_.size()) return;
  Queue& queue = queues_[index];
  if (queue.serial != serial || queue.broken != 0) return;
  receivedNow_++;
  give({kNone, 0, be32toh(wc.imm_data), index});
  const int error = postReceive(queue, index);
  if (error != 0) breakQueue(index, error);
}

// `slot` has completed, and with it all that was posted before it on its queue.
void Ring::retire(uint32_t index, uint32_t slot, uint32_t status, uint32_t detail) {
  Queue& queue = queues_[index];
  for (;;) {
    const uint32_t first = queue.posted.first;
    const Request& request = requests_[first];
    queue.posted.first = request.next;
    queue.postedCount--;
    if (request.op == Op::read || request.op == Op::cas || request.op == Op::faa) queue.readsPosted--;
    if (first == slot) break;
    complete(first, IBV_WC_SUCCESS, 0, index);
  }
  complete(slot, status, detail, index);
}

// The queue pair is put into its error state before slots are given back: from then on the device
// writes to none of them.
void Ring::breakQueue(uint32_t index, int error) {
  Queue& queue = queues_[index];
  if (queue.broken != 0) return;
  ibv_qp_attr attributes = {};
  attributes.qp_state = IBV_QPS_ERR;
  library.modifyQp(queue.qp->qp, &attributes, IBV_QP_STATE);
  queue.broken = error;
  queue.serial = nextSerial_++;
  for (uint32_t slot = queue.posted.first; slot != kNone;) {
    const uint32_t next = requests_[slot].next;
    complete(slot, IBV_WC_WR_FLUSH_ERR, static_cast<uint32_t>(error), index);
    slot = next;
  }
  for (uint32_t slot = queue.pending.first; slot != kNone;) {
    const uint32_t next = requests_[slot].next;
    complete(slot, kNeverPosted | static_cast<uint32_t>(error), 0, index);
    slot = next;
  }
  queue.posted = queue.pending = {kNone, kNone};
  queue.postedCount = queue.readsPosted = 0;
}

void Ring::complete(uint32_t slot, uint32_t status, uint32_t detail, uint32_t queue) {
  requests_[slot].stage = Stage::free;
  inFlight_--;
  give({slot, status, detail, queue});
}

void Ring::give(const Completion& completion) {
  if (!calling_) {
    deferred_.push_back(completion);
    return;
  }
  std::memcpy(words_ + 16 + capacity_ + size_t{completed_} * 4, &completion, sizeof(completion));
  completed_++;
}

// Queue pairs and regions
// --------------------------------------------------------------------------

bool Ring::addQp(Napi::Env env, const std::shared_ptr<Qp>& qp, QueueLimits limits, uint32_t* index) {
  constexpr size_t kQueuesMax = 65536;
  for (const Queue& queue : queues_) {
    if (queue.qp != qp) continue;
    throwType(env, "ringAddQp: the queue pair is in this ring already");
    return false;
  }
  if (queues_.size() == kQueuesMax) {
    throwRange(env, "ringAddQp: a ring has had 65536 queue pairs: make a new one");
    return false;
  }
  const uint32_t needed = qp->cap.max_send_wr + qp->cap.max_recv_wr;
  const uint32_t entries = static_cast<uint32_t>(cq->cq->cqe);
  if (stale_ != 0 && cq->reserved + needed > entries) {
    reap();
    receivedNow_ = 0;  // counted again when they are given
  }
  if (cq->reserved + needed > entries) {
    throwRange(env, format("ringAddQp: %u work requests of this queue pair and %u of others exceed "
                           "the completion queue's %u entries: create it with more",
                           needed, cq->reserved, entries));
    return false;
  }
  cq->reserved += needed;
  *index = queueCount();
  queues_.push_back({qp,
                     qp->extendedOps,
                     {kNone, kNone},
                     {kNone, kNone},
                     qp->cap.max_send_wr,
                     0,
                     0,
                     limits,
                     nextSerial_++,
                     0,
                     false});
  return true;
}

void Ring::forget(const Qp* qp) {
  for (uint32_t index = 0; index < queues_.size(); index++) {
    if (queues_[index].qp.get() != qp) continue;
    breakQueue(index, ENOTCONN);
    queues_[index].qp.reset();
    stale_ += qp->cap.max_send_wr + qp->cap.max_recv_wr;
  }
}

int Ring::addReceives(uint32_t index, uint32_t count) {
  const Queue& queue = queues_[index];
  if (queue.broken != 0) return queue.broken;
  for (uint32_t i = 0; i < count; i++) {
    const int error = postReceive(queue, index);
    if (error != 0) return error;
  }
  return 0;
}

// An immediate brings no bytes with it, so a receive has none to put them.
int Ring::postReceive(const Queue& queue, uint32_t index) {
  ibv_recv_wr wr = {};
  ibv_recv_wr* refused = nullptr;
  wr.wr_id = kReceive | static_cast<uint64_t>(index) << 32 | queue.serial;
  return errnoOf(ibv_post_recv(queue.qp->qp, &wr, &refused));
}

void Ring::setLocal(uint32_t index, const std::shared_ptr<Mr>& mr) {
  if (index >= locals_.size()) locals_.resize(index + 1);
  locals_[index] = {reinterpret_cast<uint64_t>(mr->mr->addr), mr->mr->length, mr->mr->lkey, mr->owner, mr};
}

void Ring::setRemote(uint32_t index, uint64_t address, uint64_t length, uint32_t rkey) {
  if (index >= remotes_.size()) remotes_.resize(index + 1);
  remotes_[index] = {address, length, rkey};
}

}  // namespace farside
