// The hot path: work requests and completions in memory that JavaScript and C++ share, one call for
// a batch.
//
// JavaScript makes a Uint32Array over a SharedArrayBuffer; createRing registers it with the device,
// too. All of it is little-endian 32-bit words; `capacity` is the number of slots. (rings.ts is the
// other side.)
//
//   word 0            16               16 + C'            16 + C' + 8 capacity      then 16
//   capacity
//       +------------+----------------+------------------+------------------------+
//       | submitted  | submitted      | completions      | slots                  |
//       | (count)    | slots, C each  | 2 C of 4 words   | C of 16 words          |
//       +------------+----------------+------------------+------------------------+
//        C = capacity, a multiple of 16, so that every slot is a cache line of its own; C' = C
//
// A slot is one verb from the moment that JavaScript fills it to the completion that gives it back:
//
//   word 0          1         2        3               4     6      8        10       12      14 15
//       +----------+---------+--------+--------+------+-----+------+--------+--------+-------+-------+----+
//       | op flags | length  | queue  | local  |remote|local|remote|operand |compare |result
//       |immed. | -  | | 8    24  | bytes   | index  | region |region|offs.|offset|        | | |or
//       type|    |
//       +----------+---------+--------+--------+------+-----+------+--------+--------+-------+-------+----+
//                                      16 bit   16 bit  64    64     64       64       64      32
//
//   op         local side                                    also
//   0 READ     region and offset, or the result word         flag `word`: the result word
//   1 WRITE    region and offset, or the operand word        flag `word`: the operand word
//   2 CAS      the result word                               compare, operand = the new word
//   3 FAA      the result word                               operand = the addend
//   4 FLUSH                                                  type: 1 global, 2 persistent
//   5 ATOMIC_WRITE  the operand word
//   6 WRITE_WITH_IMM  as WRITE                               immediate; wakes the peer's channel
//
// The device itself writes result words, so what a CAS gives is in the slot when its completion is.
// A completion is 4 words: slot (0xffffffff: an immediate came in); status; detail; queue index.
//
//   status   0 ok; 1..: ibv_wc_status, detail = vendor_err; 0x8000 | errno: never posted
//
// What the accounting rests on:
// - A slot is completed exactly once, so completions of one call never outgrow their area.
// - Every chain that is posted ends signalled. So each posted verb is covered by a signalled one
// that is
//   posted already, and a completion retires all before it on its queue: those succeeded, because a
//   reliable connection completes in order.
// - A queue has at most maxSendWr posted, and the completion queue holds as many entries as the
// send (and
//   receive) queues of all its pairs together: it cannot overflow, even if all of them are flushed.
// - The first error breaks a queue: what it had posted is completed as WR_FLUSH_ERR (unknown) at
// once,
//   what was not posted as "never posted", and so is whatever is submitted to it later. Going on
//   after a verb that was refused would reorder: the sequence word of a message must not land
//   without its body. Completions that the device still has for it are recognised by their serial
//   number, and dropped.
// - A wrong descriptor is the caller's mistake: nothing of its batch is accepted, and a RangeError
// says so.
#pragma once

#include <vector>

#include "memory.h"
#include "qp.h"

namespace farside {

class Ring : public Resource {
 public:
  static constexpr Kind kKind = Kind::ring;
  Ring(std::shared_ptr<Pd> pd, std::shared_ptr<Cq> cq, uint32_t* words, uint32_t capacity,
       std::shared_ptr<Mr> mr);

  static size_t wordsFor(uint32_t capacity) { return 16 + size_t{capacity} * (1 + 8 + 16); }

  struct QueueLimits {
    uint32_t inlineBytesMax;
    uint32_t readsMax;  // READs and atomics outstanding; what the device itself bounds is apart
  };
  // Gives the queue's index; false with a pending exception where the completion queue is too
  // small.
  bool addQp(Napi::Env env, const std::shared_ptr<Qp>& qp, QueueLimits limits, uint32_t* index);
  // The queue pair is about to be destroyed.
  void forget(const Qp* qp);
  // Receives for WRITE_WITH_IMM, kept at that number; 0 or an errno.
  int addReceives(uint32_t index, uint32_t count);
  uint32_t queueCount() const { return static_cast<uint32_t>(queues_.size()); }
  void setLocal(uint32_t index, const std::shared_ptr<Mr>& mr);
  void setRemote(uint32_t index, uint64_t address, uint64_t length, uint32_t rkey);

  // Each gives the number of completions in their area, or -1 with a pending exception.
  int postSend(napi_env env);
  int pollCq();
  int postAndPoll(napi_env env);

  struct Statistics {
    uint64_t posted = 0, doorbells = 0, signalled = 0, polls = 0, completionEntries = 0;
  };
  const Statistics& statistics() const { return statistics_; }
  uint32_t inFlight() const { return inFlight_; }

  Pd* pd;
  Cq* cq;

 protected:
  int release() override;

 private:
  enum class Op : uint8_t { read, write, cas, faa, flush, atomicWrite, writeImm };
  enum class Stage : uint8_t { free, pending, posted };

  // A verb as the device wants it, made once when its slot is submitted.
  struct Request {
    ibv_send_wr wr;
    ibv_sge sge;
    uint32_t next;
    uint32_t queue;
    uint32_t serial;
    Stage stage;
    Op op;
  };
  // First in, first out, linked through the requests.
  struct Fifo {
    uint32_t first, last;
  };
  struct Queue {
    std::shared_ptr<Qp> qp;  // null where it was closed, and then the queue is broken
    uint64_t extendedOps;
    Fifo pending, posted;
    uint32_t depth, postedCount, readsPosted;
    QueueLimits limits;
    uint32_t serial;
    int broken;  // the errno that later submissions end with; 0 while it works
    bool listed;
  };
  struct LocalRegion {
    uint64_t address = 0, length = 0;
    uint32_t lkey = 0;
    std::shared_ptr<void> owner;
    std::shared_ptr<Mr> mr;
  };
  struct RemoteRegion {
    uint64_t address = 0, length = 0;
    uint32_t rkey = 0;
  };
  struct Completion {
    uint32_t slot, status, detail, queue;
  };

  bool accept(napi_env env);
  void begin();
  const char* prepare(uint32_t slot);
  const char* prepareLocal(const uint32_t* words, Request* request, bool word, uint32_t wordAt);
  const char* prepareOp(const uint32_t* words, Request* request);
  void postAll();
  void postQueue(uint32_t index);
  void postChain(uint32_t index);
  void postExtended(uint32_t index);
  bool hasRoom(const Queue& queue, uint32_t chained, uint32_t chainedReads, Op op) const;
  void moveToPosted(Queue& queue, uint32_t count);
  void reap();
  void handle(const ibv_wc& wc);
  void received(const ibv_wc& wc);
  void retire(uint32_t index, uint32_t slot, uint32_t status, uint32_t detail);
  void breakQueue(uint32_t index, int error);
  void complete(uint32_t slot, uint32_t status, uint32_t detail, uint32_t queue);
  void give(const Completion& completion);
  int finish();
  int postReceive(const Queue& queue, uint32_t index);
  void append(Fifo& fifo, uint32_t slot);
  uint32_t* slotWords(uint32_t slot) { return slots_ + size_t{slot} * 16; }

  uint32_t* const words_;
  uint32_t* const slots_;
  const uint32_t capacity_;
  std::shared_ptr<Mr> mr_;
  std::vector<Request> requests_;
  std::vector<Queue> queues_;
  std::vector<uint32_t> waiting_;  // indices of queues that have something pending
  std::vector<LocalRegion> locals_;
  std::vector<RemoteRegion> remotes_;
  std::vector<Completion> deferred_;  // of queue pairs that were closed between two calls
  uint32_t completed_ = 0, receivedNow_ = 0, inFlight_ = 0, nextSerial_ = 1;
  uint32_t stale_ = 0;  // entries that closed queue pairs may have left in the completion queue
  bool calling_ = false;
  Statistics statistics_;
};

void exportRing(Napi::Env env, Napi::Object exports);

}  // namespace farside
