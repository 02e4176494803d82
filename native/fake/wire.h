// Wires between the fake devices of different processes of one machine: FARSIDE_FAKE_NETWORK names a
// network, and processes with the same name reach each other's ports. A wire is a stream socket between two
// of them: it carries one connection of the connection manager and the verbs of its queue pairs, as a cable
// would.
//
//   initiator                                target
//   ---------                                ------
//   request  (qp number, private data)  -->  CONNECT_REQUEST
//            CONNECT_RESPONSE           <--  response  (or `rejected`, and the wire ends)
//   work     (verb, its bytes)          -->  executed by the target's wire thread, in order
//            completion                 <--  answer  (status, bytes read)
//
// A process that dies takes its wires with it: what it has sent still acts, and its peers see a disconnect.
// The thread that serves wires does what a NIC does; `threadCpuNs` keeps its time apart from the process's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace farside::fake {

enum class FrameKind : uint32_t { kRequest, kResponse, kRejected, kEstablished, kWork, kAnswer };

// Both sides run the same build: structures travel as they are.
struct Frame {
  FrameKind kind;
  uint32_t payloadBytes;
  // Queue pairs of the sender and of the receiver.
  uint32_t from, to;
  uint32_t sequence;
  union {
    struct {
      uint16_t port;
      uint8_t responderResources, initiatorDepth;
      int32_t status;
    } connection;
    struct {
      uint32_t opcode, flags, immediate, length;
      uint32_t rkey, flushType;
      uint64_t remoteAddress, operand, compare;
    } work;
    struct {
      uint32_t status;
    } answer;
  };
};

using Payload = std::vector<uint8_t>;
using WireId = uint64_t;  // 0: none

// Whether this process is on a network at all.
bool hasNetwork();

// What the wire thread calls; it holds no lock then.
struct WireEnds {
  std::function<void(WireId, const Frame&, const Payload&)> heard;
  std::function<void(WireId)> ended;
};
void onWires(WireEnds ends);

// Claims a port of the network; 0 or EADDRINUSE. `listenAt` begins to take wires there.
int claimPort(uint16_t port);
void listenAt(uint16_t port);
void leavePort(uint16_t port);

// 0 where nobody listens there.
WireId wireTo(uint16_t port);
void sendFrame(WireId wire, const Frame& frame, const void* payload);
// The other side sees it end when it has read all that was sent.
void endWire(WireId wire);

uint64_t threadCpuNs();

}  // namespace farside::fake
