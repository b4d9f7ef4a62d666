package OARmod;

# What A-REX's information provider loads for lrms = OAR. It asks the Python package
# arc_lrms_oar, which asks OAR, and hands on the answer; nothing is computed here.

use strict;
use warnings;

use Exporter;
use File::Temp;
use JSON::XS;

use LogUtils;

our @ISA       = qw(Exporter);
our @EXPORT_OK = qw(get_lrms_info get_lrms_options_schema);

our $log = LogUtils->getLogger(__PACKAGE__);

sub get_lrms_options_schema {
    return {
        'queues' => { '*' => { 'users' => [''] } },
        'jobs'   => ['']
    };
}

# The provider does not hand on the name of its configuration file, and its own reader drops
# [custom:oar]; the package reads that file itself.
sub config_file {
    return $CEInfo::configfile if defined $CEInfo::configfile;
    open(my $handle, '<', '/proc/self/cmdline') or return;
    local $/ = undef;
    my @words = split(/\0/, <$handle>);
    close($handle);
    for my $index (0 .. $#words - 1) {
        return $words[ $index + 1 ] if $words[$index] eq '--config';
    }
    return;
}

sub get_lrms_info {
    my ($options) = @_;
    my %asked = map { $_ => $options->{$_} } grep { defined $options->{$_} } qw(queues jobs);
    my $request = File::Temp->new();
    print $request encode_json(\%asked);
    close($request);
    my @command = ('python3', '-m', 'arc_lrms_oar', 'info', '--options', $request->filename);
    my $config  = config_file();
    push(@command, '--config', $config) if defined $config;
    my $answer = '';
    if (open(my $pipe, '-|', @command)) {
        local $/ = undef;
        $answer = <$pipe>;
        close($pipe);
    }
    my $info = eval { decode_json($answer) };
    $log->fatal('OAR could not be asked; see the line above') unless ref $info eq 'HASH';
    return $info;
}

1;
