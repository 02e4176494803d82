// What the fake device does with a work request.
#include <endian.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "objects.h"

namespace farside::fake {

// Aligned words move whole, as on the platforms that farside runs on; the rest byte by byte.
void copy(void* to, const void* from, size_t length) {
  auto* target = static_cast<uint8_t*>(to);
  auto* source = static_cast<const uint8_t*>(from);
  size_t done = 0;
  if (((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) & 7) == 0) {
    for (; done + 8 <= length; done += 8) {
      uint64_t word = __atomic_load_n(reinterpret_cast<const uint64_t*>(source + done), __ATOMIC_RELAXED);
      __atomic_store_n(reinterpret_cast<uint64_t*>(target + done), word, __ATOMIC_RELAXED);
    }
  }
  for (; done < length; done++) {
    __atomic_store_n(target + done, __atomic_load_n(source + done, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
  }
}

namespace {

FakeMr* region(uint32_t key, uint64_t address, uint64_t length, const ibv_pd* pd) {
  auto found = world().regions.find(key);
  if (found == world().regions.end()) return nullptr;
  FakeMr* mr = found->second;
  const uint64_t start = reinterpret_cast<uint64_t>(mr->mr.addr);
  if (mr->mr.pd != pd || address < start || address - start > mr->mr.length ||
      mr->mr.length - (address - start) < length) {
    return nullptr;
  }
  return mr;
}

bool isExtended(ibv_wr_opcode opcode) { return opcode == IBV_WR_DRIVER1; }

unsigned accessNeeded(const FakeWork& work) {
  switch (work.opcode) {
    case IBV_WR_RDMA_READ:
      return IBV_ACCESS_REMOTE_READ;
    case IBV_WR_ATOMIC_CMP_AND_SWP:
    case IBV_WR_ATOMIC_FETCH_AND_ADD:
      return IBV_ACCESS_REMOTE_ATOMIC;
    case IBV_WR_DRIVER1:
      return work.flushType == kFlushPersistent ? kAccessFlushPersistent : kAccessFlushGlobal;
    default:
      return IBV_ACCESS_REMOTE_WRITE;
  }
}

}  // namespace

ibv_wc_status checkLocal(const FakeQp* qp, const FakeWork& work) {
  if (isExtended(work.opcode) || !work.inlined.empty()) return IBV_WC_SUCCESS;
  FakeMr* local = region(work.lkey, work.localAddress, work.localLength, qp->qp.qp_base.pd);
  if (local == nullptr) return IBV_WC_LOC_PROT_ERR;
  const bool written = work.opcode != IBV_WR_RDMA_WRITE && work.opcode != IBV_WR_RDMA_WRITE_WITH_IMM &&
                       work.opcode != IBV_WR_ATOMIC_WRITE;
  if (written && (local->access & IBV_ACCESS_LOCAL_WRITE) == 0) return IBV_WC_LOC_PROT_ERR;
  return IBV_WC_SUCCESS;
}

namespace {

FakeQp* peerOf(const FakeQp* qp) {
  auto found = world().queuePairs.find(qp->destination);
  if (found == world().queuePairs.end()) return nullptr;
  FakeQp* peer = found->second;
  const ibv_qp_state state = peer->qp.qp_base.state;
  return peer->destination == qp->qp.qp_base.qp_num && (state == IBV_QPS_RTR || state == IBV_QPS_RTS)
             ? peer
             : nullptr;
}

ibv_wc_status deliverImmediate(FakeQp* peer, const FakeWork& work) {
  if (peer->receives.empty()) return IBV_WC_RNR_RETRY_EXC_ERR;
  FakeCompletion completion = {};
  completion.wc.wr_id = peer->receives.front().wr_id;
  completion.wc.opcode = IBV_WC_RECV_RDMA_WITH_IMM;
  completion.wc.wc_flags = IBV_WC_WITH_IMM;
  completion.wc.imm_data = work.immediate;
  completion.wc.byte_len = work.localLength;
  completion.wc.qp_num = peer->qp.qp_base.qp_num;
  peer->receives.pop_front();
  push(peer->cq, completion);
  return IBV_WC_SUCCESS;
}

void atomic(const FakeWork& work, void* result) {
  auto* word = reinterpret_cast<uint64_t*>(work.remoteAddress);
  uint64_t old = work.compare;
  if (work.opcode == IBV_WR_ATOMIC_CMP_AND_SWP) {
    __atomic_compare_exchange_n(word, &old, work.operand, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  } else {
    old = __atomic_fetch_add(word, work.compare, __ATOMIC_SEQ_CST);
  }
  copy(result, &old, sizeof(old));
}

void flush(FakeMr* mr, const FakeWork& work) {
  if (work.flushType != kFlushPersistent) return;
  const uint64_t start = work.remoteAddress - reinterpret_cast<uint64_t>(mr->mr.addr);
  auto* visible = static_cast<const uint64_t*>(mr->mr.addr);
  for (uint64_t at = start / 8; at < (start + work.localLength + 7) / 8 && at < mr->durable.size(); at++) {
    mr->durable[at] = __atomic_load_n(visible + at, __ATOMIC_RELAXED);
  }
}

}  // namespace

ibv_wc_status actAt(FakeQp* peer, const FakeWork& work, const void* here, void* result) {
  FakeMr* remote = region(work.rkey, work.remoteAddress, work.localLength, peer->qp.qp_base.pd);
  if (remote == nullptr || (remote->access & accessNeeded(work)) == 0) return IBV_WC_REM_ACCESS_ERR;
  auto* there = reinterpret_cast<void*>(work.remoteAddress);
  switch (work.opcode) {
    case IBV_WR_RDMA_READ:
      copy(result, there, work.localLength);
      return IBV_WC_SUCCESS;
    case IBV_WR_RDMA_WRITE:
    case IBV_WR_ATOMIC_WRITE:
      copy(there, here, work.localLength);
      return IBV_WC_SUCCESS;
    case IBV_WR_RDMA_WRITE_WITH_IMM:
      copy(there, here, work.localLength);
      return deliverImmediate(peer, work);
    case IBV_WR_ATOMIC_CMP_AND_SWP:
    case IBV_WR_ATOMIC_FETCH_AND_ADD:
      atomic(work, result);
      return IBV_WC_SUCCESS;
    default:
      flush(remote, work);
      return IBV_WC_SUCCESS;
  }
}

void finish(FakeQp* qp, const FakeWork& work, ibv_wc_status status) {
  qp->unsignalled++;
  if (status == IBV_WC_SUCCESS && (work.flags & IBV_SEND_SIGNALED) == 0) return;
  if (qp->losing) return;
  FakeCompletion completion = {};
  completion.wc.wr_id = work.wrId;
  completion.wc.status = status;
  completion.wc.vendor_err = status == IBV_WC_SUCCESS ? 0 : 0xfa;
  completion.wc.qp_num = qp->qp.qp_base.qp_num;
  completion.qp = qp;
  completion.frees = qp->unsignalled;
  qp->unsignalled = 0;
  push(qp->cq, completion);
}

namespace {

ibv_wc_status act(FakeQp* qp, const FakeWork& work) {
  ibv_wc_status status = checkLocal(qp, work);
  if (status != IBV_WC_SUCCESS) return status;
  FakeQp* peer = peerOf(qp);
  if (peer == nullptr) return IBV_WC_RETRY_EXC_ERR;
  auto* local = reinterpret_cast<void*>(work.localAddress);
  return actAt(peer, work, work.inlined.empty() ? local : work.inlined.data(), local);
}

void execute(FakeQp* qp, const FakeWork& work) {
  if (qp->qp.qp_base.state == IBV_QPS_ERR) return finish(qp, work, IBV_WC_WR_FLUSH_ERR);
  if (!world().execute) return finish(qp, work, IBV_WC_SUCCESS);
  FakeFault& fault = qp->fault;
  if (fault.armed && fault.refuse == 0 && fault.after-- == 0) {
    fault.armed = false;
    if (fault.execute) act(qp, work);
    finish(qp, work, fault.status);
    return fail(qp);
  }
  if (sendWork(qp, work)) return;
  const ibv_wc_status status = act(qp, work);
  finish(qp, work, status);
  if (status != IBV_WC_SUCCESS) fail(qp);
}

int workOf(const FakeQp* qp, const ibv_send_wr& wr, FakeWork* work) {
  if (wr.num_sge != 1) return EINVAL;
  work->opcode = wr.opcode;
  work->wrId = wr.wr_id;
  work->flags = wr.send_flags;
  work->immediate = wr.imm_data;
  work->localAddress = wr.sg_list->addr;
  work->localLength = wr.sg_list->length;
  work->lkey = wr.sg_list->lkey;
  work->remoteAddress = wr.wr.rdma.remote_addr;
  work->rkey = wr.wr.rdma.rkey;
  if (wr.opcode == IBV_WR_ATOMIC_CMP_AND_SWP || wr.opcode == IBV_WR_ATOMIC_FETCH_AND_ADD) {
    work->rkey = wr.wr.atomic.rkey;
    work->compare = wr.wr.atomic.compare_add;
    work->operand = wr.wr.atomic.swap;
  }
  if ((wr.send_flags & IBV_SEND_INLINE) == 0) return 0;
  if (work->localLength > qp->cap.max_inline_data) return EINVAL;
  auto* from = reinterpret_cast<const uint8_t*>(work->localAddress);
  work->inlined.assign(from, from + work->localLength);
  return 0;
}

}  // namespace

void push(FakeCq* cq, const FakeCompletion& completion) {
  if (cq->entries.size() >= static_cast<size_t>(cq->cq.cqe)) {
    cq->overflowed = true;
    return;
  }
  cq->entries.push_back(completion);
  if (!cq->armed || cq->cq.channel == nullptr) return;
  cq->armed = false;
  auto* channel = reinterpret_cast<FakeChannel*>(cq->cq.channel);
  channel->events.push_back(&cq->cq);
  const uint64_t one = 1;
  if (write(channel->channel.fd, &one, sizeof(one)) != sizeof(one)) cq->overflowed = true;
}

// Into the error state: what is under way or held is flushed.
void fail(FakeQp* qp) {
  qp->qp.qp_base.state = IBV_QPS_ERR;
  for (const FakeWork& work : qp->sent) finish(qp, work, IBV_WC_WR_FLUSH_ERR);
  qp->sequence += static_cast<uint32_t>(qp->sent.size());
  qp->sent.clear();
  release(qp, qp->held.size());
}

void release(FakeQp* qp, size_t count) {
  for (; count > 0 && !qp->held.empty(); count--) {
    FakeWork work = std::move(qp->held.front());
    qp->held.pop_front();
    execute(qp, work);
  }
}

int post(FakeQp* qp, FakeWork&& work) {
  const ibv_qp_state state = qp->qp.qp_base.state;
  if (state != IBV_QPS_RTS && state != IBV_QPS_ERR) return EINVAL;
  if (qp->occupied == qp->cap.max_send_wr) return ENOMEM;
  FakeFault& fault = qp->fault;
  if (fault.armed && fault.refuse != 0 && fault.after-- == 0) {
    fault.armed = false;
    return fault.refuse;
  }
  qp->occupied++;
  world().works++;
  if (qp->holding && state == IBV_QPS_RTS) {
    qp->held.push_back(std::move(work));
  } else {
    execute(qp, work);
  }
  return 0;
}

int postSend(ibv_qp* base, ibv_send_wr* wr, ibv_send_wr** refused) {
  std::lock_guard<std::mutex> guard(world().lock);
  auto* qp = reinterpret_cast<FakeQp*>(base);
  world().posts++;
  for (; wr != nullptr; wr = wr->next) {
    FakeWork work = {};
    int error = workOf(qp, *wr, &work);
    if (error == 0) error = post(qp, std::move(work));
    if (error == 0) continue;
    *refused = wr;
    return error;
  }
  return 0;
}

int postRecv(ibv_qp* base, ibv_recv_wr* wr, ibv_recv_wr** refused) {
  std::lock_guard<std::mutex> guard(world().lock);
  auto* qp = reinterpret_cast<FakeQp*>(base);
  for (; wr != nullptr; wr = wr->next) {
    if (qp->receives.size() == qp->cap.max_recv_wr) {
      *refused = wr;
      return ENOMEM;
    }
    qp->receives.push_back(*wr);
  }
  return 0;
}

int pollCq(ibv_cq* base, int count, ibv_wc* entries) {
  std::lock_guard<std::mutex> guard(world().lock);
  auto* cq = reinterpret_cast<FakeCq*>(base);
  if (cq->overflowed) return -EIO;
  int taken = 0;
  for (; taken < count && !cq->entries.empty(); taken++) {
    const FakeCompletion& completion = cq->entries.front();
    entries[taken] = completion.wc;
    if (completion.qp != nullptr) completion.qp->occupied -= completion.frees;
    cq->entries.pop_front();
  }
  return taken;
}

// The ibv_wr_* interface, of which the addon uses one work request at a time.
void bindExtended(FakeQp* qp) {
  qp->qp.wr_start = [](ibv_qp_ex* base) {
    auto* qp = reinterpret_cast<FakeQp*>(base);
    qp->building = {};
    qp->built = false;
  };
  qp->tail.wrFlush = [](ibv_qp_ex* base, uint32_t rkey, uint64_t remoteAddress, size_t length, uint8_t type,
                        uint8_t) {
    auto* qp = reinterpret_cast<FakeQp*>(base);
    qp->building.opcode = IBV_WR_DRIVER1;
    qp->building.rkey = rkey;
    qp->building.remoteAddress = remoteAddress;
    qp->building.localLength = static_cast<uint32_t>(length);
    qp->building.flushType = type;
    qp->built = true;
  };
  qp->tail.wrAtomicWrite = [](ibv_qp_ex* base, uint32_t rkey, uint64_t remoteAddress, const void* word) {
    auto* qp = reinterpret_cast<FakeQp*>(base);
    auto* bytes = static_cast<const uint8_t*>(word);
    qp->building.opcode = IBV_WR_ATOMIC_WRITE;
    qp->building.rkey = rkey;
    qp->building.remoteAddress = remoteAddress;
    qp->building.localLength = 8;
    qp->building.inlined.assign(bytes, bytes + 8);
    qp->built = true;
  };
  qp->qp.wr_complete = [](ibv_qp_ex* base) {
    std::lock_guard<std::mutex> guard(world().lock);
    auto* qp = reinterpret_cast<FakeQp*>(base);
    if (!qp->built) return EINVAL;
    world().posts++;
    qp->building.wrId = base->wr_id;
    qp->building.flags = base->wr_flags;
    return post(qp, std::move(qp->building));
  };
}

}  // namespace farside::fake
