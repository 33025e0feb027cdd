public import Connectors
public import Model

/// What follows of an attempt. Pure.
public enum Verdict: Sendable, Equatable {
    case delivered
    case retry(at: Timestamp)
    /// That was the last attempt.
    case exhausted
    /// The receiver will never take this message.
    case aborted(String)
    /// The receiver wants nothing more: the endpoint ends, and the message waits with the others.
    case ends(String)

    public var isSuccess: Bool { self == .delivered }
}

extension Verdict {
    /// Judges the result of an attempt.
    ///
    /// - Parameters:
    ///   - attempt: how many there were of those that count, from 1.
    ///   - finalClientErrors: whether 400, 401, 403, 404 and 422 are final.
    ///   - chance: from 0 to 1, for the spreading of retries.
    public init(
        _ result: OutboundResult, attempt: Int64, schedule: RetrySchedule, finalClientErrors: Bool, now: Timestamp,
        chance: Double
    ) {
        let answer = result.answer
        switch answer?["webhook-delivery"]?.lowercased().filter({ $0 != " " }) {
        case "disable":
            self = .ends("the receiver answered webhook-delivery: disable")
            return
        case "abort-message" where !Self.isSuccess(answer):
            self = .aborted("the receiver answered webhook-delivery: abort-message")
            return
        default: break
        }
        if let failure = result.failure, failure.code == .refused {
            self = .aborted(failure.message)
            return
        }
        if let status = answer?.status {
            if Self.isSuccess(answer) {
                self = .delivered
                return
            }
            if status == 410 {
                self = .ends("the receiver answered 410 Gone")
                return
            }
            if finalClientErrors, [400, 401, 403, 404, 422].contains(status) {
                self = .aborted("the receiver answered \(status), which is final for this endpoint")
                return
            }
        }
        let asked = Self.asked(result, now: now)
        self =
            schedule.next(after: attempt, now: now, asked: asked, chance: chance).map { .retry(at: $0) } ?? .exhausted
    }

    private static func isSuccess(_ answer: OutboundAnswer?) -> Bool {
        answer.map { (200...299).contains($0.status) } ?? false
    }

    private static func asked(_ result: OutboundResult, now: Timestamp) -> Int64? {
        result.answer?["retry-after"].flatMap { RetryAfter.read($0, now: now) }
    }

    /// Until when nothing is to be sent to the endpoint at all: the receiver says that it has too much, or is not there.
    static func throttle(_ result: OutboundResult, now: Timestamp) -> Timestamp? {
        guard let status = result.answer?.status, [429, 502, 503, 504].contains(status) else { return nil }
        // Without a word from the receiver a second keeps what waits from running into the same.
        let wait = asked(result, now: now) ?? 1_000_000
        return Timestamp(microseconds: now.microseconds + min(wait, RetrySchedule.longestWait))
    }

    /// The word for an attempt that failed; nil for one that did not.
    static func errorCode(_ result: OutboundResult) -> String? {
        if let failure = result.failure { return failure.code.rawValue }
        guard let status = result.answer?.status, !(200...299).contains(status) else { return nil }
        // An interim answer is no answer to a request that asked for no other protocol.
        if status < 200 { return OutboundFailure.Code.malformed.rawValue }
        return status < 400 ? "redirect" : status < 500 ? "http_4xx" : "http_5xx"
    }

    /// Why an attempt failed, in a line: what a list shows of a delivery that is tried again. Nil for one that was withdrawn, or did not
    /// fail.
    static func reason(_ result: OutboundResult) -> String? {
        if result.failure?.code == .cancelled { return nil }
        guard let code = errorCode(result) else { return nil }
        let status = result.failure == nil ? result.answer.map { "the receiver answered \($0.status)" } : nil
        // Lists are seen by those, too, who may not see what was sent.
        let told = detail(result).flatMap { isOurs($0) ? String($0.prefix(200)) : nil }
        let parts = [status, told].compactMap(\.self)
        return parts.isEmpty ? code : parts.joined(separator: "; ")
    }

    /// Whether nothing of a detail is the receiver's: where it led to, or what a mail server said, may repeat what it was sent.
    public static func isOurs(_ detail: String) -> Bool {
        !["redirect to ", "the mail server ", "the connection broke off: "].contains { detail.hasPrefix($0) }
    }

    /// What people read of an attempt; nil where there is nothing to say.
    static func detail(_ result: OutboundResult) -> String? {
        if let failure = result.failure {
            return failure.message + (failure.mayHaveArrived ? "; it may have arrived all the same" : "")
        }
        guard let answer = result.answer else { return nil }
        if (300...399).contains(answer.status), let place = answer["location"] {
            return "redirect to \(place.prefix(512)) (not followed)"
        }
        switch answer.cut {
        case .size: return "the answer's body was longer than what is read"
        case .time: return "the answer's body was still coming at the deadline"
        case .connection: return "the connection ended within the answer's body"
        case nil: return nil
        }
    }
}
