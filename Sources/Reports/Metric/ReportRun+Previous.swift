internal import EventStore
internal import Model

extension ReportRun {
    /// Where the period before a range begins: of whole months of the calendar as many months before, of whole days as many days,
    /// else as long before.
    func start(before from: Timestamp, _ to: Timestamp) throws(QueryError) -> Timestamp {
        let day = Interval.day.microseconds
        let (first, last) = (zone.local(from.microseconds), zone.local(to.microseconds))
        guard first % day == 0, last % day == 0 else {
            return Timestamp(microseconds: 2 * from.microseconds - to.microseconds)
        }
        let (a, b) = (CivilDate(daysSinceEpoch: first / day), CivilDate(daysSinceEpoch: last / day))
        guard a.day == 1, b.day == 1 else { return try moments.moment(ofLocal: 2 * first - last) }
        let month = 2 * (a.year * 12 + a.month - 1) - (b.year * 12 + b.month - 1)
        let year = month >= 0 ? month / 12 : (month - 11) / 12
        let start = CivilDate(year: year, month: month - year * 12 + 1, day: 1)
        return try moments.moment(ofLocal: start.daysSinceEpoch * day)
    }
}
