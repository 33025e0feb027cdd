internal import HTTPTypes
internal import Hummingbird

/// Every path that the server answers to.
func allRoutes(_ configuration: ServerConfiguration) -> [Route] {
    var routes =
        NativeRoutes.routes + KissmetricsRoutes.routes + SegmentRoutes.routes + PeopleRoutes.routes
        + PeopleSearch.routes + ComputedRoutes.routes + ColumnRoutes.routes + ChangeRoutes.routes
        + SavedSegmentRoutes.routes + SegmentPeople.routes + AliasRoutes.routes
        + EventRoutes.routes + EventList.routes + LiveRoutes.routes + CatalogueRoutes.routes + ProjectRoutes.routes
        + KeyRoutes.routes + AuditRoutes.routes + ExportRoutes.routes
        + ImportRoutes.routes + ReportRoutes.routes + SavedReportRoutes.routes
        + CompactionRoutes.routes + BackupRoutes.routes + ErasureRoutes.routes + RetentionRoutes.routes
        + FileRoutes.routes + PipelineRoutes.routes + RunRoutes.routes + AlertRoutes.routes + BackfillRoutes.routes
        + LinkRoutes.routes
        + EndpointRoutes.routes + DeliveryRoutes.routes + HookRoutes.routes + TriggerRoutes.routes + TriggerReads.routes
        + SuppressionRoutes.routes
        + AccessRoutes.routes + HealthRoutes.routes + StatusRoutes.routes
        + DocumentRoutes.routes
    #if TEST_CLOCK
        if configuration.hasTestClock { routes.append(TestClockRoute.route) }
    #endif
    if configuration.benchmark {
        routes.append(
            Route(.post, "/echo", .open) { exchange in
                // The baseline of benchmarks: what reading a body and answering costs without any work.
                _ = try await exchange.request.body.collect(upTo: exchange.app.configuration.requestBytes)
                return Response(status: .ok)
            })
    }
    return routes
}
