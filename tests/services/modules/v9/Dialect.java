package services;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;

import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.datastreams.CreateDataStreamAction;
import org.elasticsearch.action.datastreams.DataStreamsActionUtil;
import org.elasticsearch.action.datastreams.lifecycle.PutDataStreamLifecycleAction;
import org.elasticsearch.action.support.IndicesOptions;
import org.elasticsearch.action.support.master.AcknowledgedResponse;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.metadata.MetadataCreateDataStreamService;
import org.elasticsearch.cluster.metadata.MetadataCreateDataStreamService.CreateDataStreamClusterStateUpdateRequest;
import org.elasticsearch.cluster.metadata.MetadataDataStreamsService;
import org.elasticsearch.cluster.metadata.MetadataIndexTemplateService;
import org.elasticsearch.cluster.metadata.ProjectId;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.index.IndexSettingProvider;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.RestHandler;

/** How TestModules speaks to the services of Elasticsearch 9: a cluster has projects there, ours only the default one. */
abstract class Dialect extends Plugin implements ActionPlugin {

    abstract Collection<RestHandler> handlers(Settings settings);

    @Override
    public Collection<RestHandler> getRestHandlers(
        RestHandlersServices services, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features
    ) {
        return handlers(services.settings());
    }

    /** The ordinary distribution has a module for this as well: data streams of logs are made in a mode of their own. */
    @Override
    public Collection<IndexSettingProvider> getAdditionalIndexSettingProviders(IndexSettingProvider.Parameters parameters) {
        return List.of((index, stream, mode, project, moment, given, mappings, version, added) -> {
            if (stream != null && Regex.simpleMatch("logs-*-*", stream) && mode == null) {
                added.put("index.mode", "logsdb");
            }
        });
    }

    static Set<DataStream> streams(
        IndexNameExpressionResolver resolver, ClusterState state, String[] names, IndicesOptions options
    ) {
        var project = state.metadata().getProject(ProjectId.DEFAULT);
        return DataStreamsActionUtil.getDataStreamNames(resolver, project, names, options).stream()
            .map(project.dataStreams()::get).collect(Collectors.toSet());
    }

    static String template(ClusterState state, String stream) {
        return MetadataIndexTemplateService.findV2Template(state.metadata().getProject(ProjectId.DEFAULT), stream, false);
    }

    static ClusterState without(Set<DataStream> dropped, ClusterState state, Settings settings) {
        return MetadataDataStreamsService.deleteDataStreams(state.projectState(ProjectId.DEFAULT), dropped, settings);
    }

    static void make(
        MetadataCreateDataStreamService service, CreateDataStreamAction.Request request,
        ActionListener<AcknowledgedResponse> done
    ) {
        service.createDataStream(new CreateDataStreamClusterStateUpdateRequest(ProjectId.DEFAULT, request.getName(),
            request.getStartTime(), null, request.masterNodeTimeout(), request.ackTimeout()), done);
    }

    static void retain(
        MetadataDataStreamsService service, List<String> streams, PutDataStreamLifecycleAction.Request request,
        ActionListener<AcknowledgedResponse> done
    ) {
        service.setLifecycle(ProjectId.DEFAULT, streams, request.getLifecycle(), request.ackTimeout(),
            request.masterNodeTimeout(), done);
    }
}
